using System.Collections.Concurrent;

namespace Orchestrator.Engine;

/// <summary>Waits for the peers of a job's process, so that its slots can do something better: one round after the other.</summary>
sealed class ExchangeThread : IDisposable
{
    readonly BlockingCollection<ReductionRound> rounds = [];
    readonly Thread thread;

    public ExchangeThread(string job, Action<ReductionRound> exchange)
    {
        thread = new Thread(() =>
        {
            foreach (var round in rounds.GetConsumingEnumerable())
                exchange(round);
        })
        { Name = $"exchange of {job}", IsBackground = true };
        thread.Start();
    }

    /// <summary>Has a round exchanged after those before it.</summary>
    public void Post(ReductionRound round) => rounds.Add(round);

    /// <summary>Ends it. Whoever does so has abandoned the last round.</summary>
    public void Dispose()
    {
        rounds.CompleteAdding();
        thread.Join();
        rounds.Dispose();
    }
}
