using Microsoft.Extensions.Logging;
using Orchestrator.Engine;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Grains.Workers;

/// <summary>
/// The preparations of this process: one a job at a time, off any grain, told to the job again until it has answered. What this process lacks (the base, a device, the records) is told apart
/// from what is wrong with the job wherever it is prepared.
/// </summary>
sealed partial class Preparations(EngineOptions options, IGrainFactory grains, ILogger<Preparations> log) : IDisposable
{
    static readonly TimeSpan pauseAfterFault = TimeSpan.FromMilliseconds(300);

    readonly Lock gate = new();
    readonly Dictionary<(string Key, string SpecDigest), Task> running = [];
    readonly CancellationTokenSource closing = new();

    /// <summary>Begins a preparation, unless the same is under way.</summary>
    public void Begin(string space, JobSpec spec)
    {
        var name = (Key: JobAssignment.KeyOf(space, spec.Name), SpecDigest: CanonicalJson.Digest(spec));
        lock (gate)
        {
            if (closing.IsCancellationRequested || running.ContainsKey(name))
                return;
            running[name] = Task.Run(async () =>
            {
                try
                {
                    await Tell(name.Key, Prepare(spec));
                }
                catch (OperationCanceledException)
                {
                    // The process is going down.
                }
                finally
                {
                    lock (gate)
                        running.Remove(name);
                }
            });
        }
    }

    JobPreparationResult Prepare(JobSpec spec)
    {
        JobSpec located;
        try
        {
            located = new LocalFiles(options).Locate(spec);
            if (LocalFiles.Missing(located) is { } missing)
                return Lack(missing);
            _ = ComputeDevice.KindOf(spec.Device);
        }
        catch (ProblemException problem)
        {
            return Lack(problem.Message);
        }
        try
        {
            var prepared = JobPreparation.Prepare(located, options.CacheFolder, new PreparationProgress(), closing.Token);
            return new JobPreparationResult(options.Process, prepared.Plan with { Spec = spec }, [.. prepared.Warnings], Lack: null, Mistake: null);
        }
        catch (ProblemException problem)
        {
            return new JobPreparationResult(options.Process, Plan: null, [], Lack: null, problem.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)      // memory, a disk, a library: this process's, and perhaps gone the next time
        {
            LogFailed(spec.Name, e);
            return Lack(e.Message);
        }

        JobPreparationResult Lack(string what) => new(options.Process, Plan: null, [], what, Mistake: null);
    }

    async Task Tell(string key, JobPreparationResult result)
    {
        while (true)
        {
            try
            {
                await grains.GetGrain<IJobGrain>(key).Prepared(result);
                return;
            }
            catch (Exception e) when (e is not OperationCanceledException)      // the job's silo, or its database: it passes, and tokenising twice takes longer than asking again
            {
                LogUntold(key, e.Message);
            }
            await Task.Delay(pauseAfterFault, closing.Token);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Task[] last;
        lock (gate)
        {
            closing.Cancel();
            last = [.. running.Values];
        }
        Task.WhenAll(last).Wait(TimeSpan.FromSeconds(5));
        closing.Dispose();
    }

    [LoggerMessage(EventName = "PreparationFailed", Level = LogLevel.Error, Message = "{Job}: could not be prepared here")]
    partial void LogFailed(string job, Exception exception);

    [LoggerMessage(EventName = "PreparationUntold", Level = LogLevel.Warning, Message = "{Job}: its preparation is told again: {Reason}")]
    partial void LogUntold(string job, string reason);
}
