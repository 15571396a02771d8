using Orchestrator.Engine;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Telemetry.Tests;

[Collection(Alone.Name)]
public sealed class CardinalityTests
{
    const int Jobs = 500;

    // A job of 2 workers with 30 layers: 21 plain series, 30 gates, 10 states, 3 parts of a step of 15 lines, …
    const int LinesOfJobMax = 150;

    [Fact]
    public async Task Five_hundred_jobs_have_a_bounded_number_of_series_and_leave_none()
    {
        await using var host = await TrainingHost.Start();
        var before = Lines(await host.Scrape());
        var jobs = Begin(host, Jobs);
        await Scraping.Until(host, text => text.Contains($"job-{Jobs - 1}", StringComparison.Ordinal));
        var text = await host.Scrape();
        var lines = Lines(text) - before;
        TestContext.Current.SendDiagnosticMessage($"{Jobs} jobs: {lines} lines, {text.Length / 1024} KiB");
        Assert.InRange(lines, Jobs * 60, Jobs * LinesOfJobMax);
        Assert.DoesNotContain("otel_metric_overflow", text, StringComparison.Ordinal);
        Assert.Equal(Jobs, text.Split('\n').Count(line => line.StartsWith("orchestrator_job_step{", StringComparison.Ordinal)));
        foreach (var job in jobs)
            job.Dispose();
        await Scraping.Until(host, text => !text.Contains("team/job", StringComparison.Ordinal));      // what has ended is shown a last time
    }

    [Fact]
    public async Task What_an_ended_job_took_is_free_again()
    {
        await using var host = await TrainingHost.Start();
        var ended = await ComeAndGo(host, jobs: 100);
        await Scraping.Until(host, _ =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return ended.Count(job => job.TryGetTarget(out var _)) <= 1;      // somewhere a register may still hold the last
        });
    }

    static async Task<List<WeakReference<JobSeries>>> ComeAndGo(TrainingHost host, int jobs)
    {
        var all = Begin(host, jobs);
        await Scraping.Until(host, text => text.Contains($"job-{jobs - 1}", StringComparison.Ordinal));
        foreach (var job in all)
            job.Dispose();
        await Scraping.Until(host, text => !text.Contains("team/job", StringComparison.Ordinal));
        return all.ConvertAll(job => new WeakReference<JobSeries>(job));
    }

    static List<JobSeries> Begin(TrainingHost host, int jobs)
    {
        var all = Enumerable.Range(0, jobs).Select(i => host.Metrics.Of($"team/job-{i}")).ToList();
        all.ForEach(Busy);
        return all;
    }

    static void Busy(JobSeries job)
    {
        job.StepCommitted(new StepReport(new WorkerId("a", 0), new Generation(1), new Protocol.Ledger.LedgerLine
        {
            Step = 1, Epoch = 0, Loss = 1, LearningRate = 1, GradientNorm = 1, Tokens = 10, Supervised = 5, Samples = [1, 2], Parameters = "",
        }, 0.1, 0.1, 0.2, [.. Enumerable.Range(0, 30).Select(_ => new float[] { 0.5f, -0.5f })]));
        job.GenerationBegan("start");
        job.Recovered("start", TimeSpan.FromSeconds(1));
        (job.ValidationLoss, job.CheckpointBytes) = (1, 1);
        job.Accounted(WorkerSeconds.None.With(WorkerState.Compute, 1), 1,
            [new WorkerTold { Worker = new WorkerId("a", 0), Incarnation = Guid.NewGuid() }, new WorkerTold { Worker = new WorkerId("a", 1), Incarnation = Guid.NewGuid() }]);
    }

    static int Lines(string text) => text.Split('\n').Count(line => line.StartsWith("orchestrator_", StringComparison.Ordinal));
}
