namespace Orchestrator.Telemetry.Tests;

static class Scraping
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(60);

    /// <summary>Looks at the metrics until they are as they should be. An answer is kept for a moment, so that one look is not enough.</summary>
    public static async Task Until(TrainingHost host, Func<string, bool> right)
    {
        using var limit = new CancellationTokenSource(patience);
        while (!right(await host.Scrape()))
            await Task.Delay(100, limit.Token);
    }
}
