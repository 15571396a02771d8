using Orchestrator.Engine;

namespace Orchestrator.Grains.Jobs;

/// <summary>The numbered events of a job: of one activation in memory, or of the whole job in a file.</summary>
interface IJobEvents : IDisposable
{
    /// <summary>Numbers an event.</summary>
    void Post(JobNews what);

    /// <summary>Makes what was posted durable, and so visible.</summary>
    /// <exception cref="IOException">the disk takes no more; what was posted is kept for the next time</exception>
    /// <exception cref="SupersededException">another activation writes them</exception>
    void Flush();

    /// <summary>The events after a number, oldest first; at most a thousand.</summary>
    IReadOnlyList<JobNews> After(long seen);

    /// <summary>The highest step that was posted.</summary>
    long LastStep { get; }

    /// <summary>The last decision that was posted.</summary>
    JobDecisionNews? LastDecision { get; }

    /// <summary>Posts a step; a step that was posted before is not posted again.</summary>
    void PostStep(StepReport step, long steps, int workers)
        => Post(new JobNews(0, Step: step) { Steps = steps, Workers = workers });
}

/// <summary>Another activation of the same grain carries on: this one ends.</summary>
/// <param name="what">what shows it</param>
sealed class SupersededException(string what) : Exception(what);
