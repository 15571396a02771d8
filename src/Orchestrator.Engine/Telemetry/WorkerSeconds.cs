using System.Text.Json.Serialization;

namespace Orchestrator.Engine.Telemetry;

/// <summary>What a worker's second went into. At every moment a worker of a job is in exactly one of these.</summary>
public enum WorkerState
{
    /// <summary>Forward and backward passes and updates of steps that no one had committed before.</summary>
    Compute,

    /// <summary>The same once more: of steps that were committed before, of micro-batches that were lost, or to compare.</summary>
    Recompute,

    /// <summary>Folding micro-batches, and the sum of a step on its way between processes.</summary>
    Reduce,

    /// <summary>Its own micro-batches are done, those of others are not.</summary>
    Peers,

    /// <summary>Until the records of a micro-batch are packed.</summary>
    Data,

    /// <summary>Copying its state for a checkpoint, and standing until one that the job waits for is on disk.</summary>
    Checkpoint,

    /// <summary>Standing at a step whose evaluation decides how the job goes on.</summary>
    Evaluation,

    /// <summary>From the end of one membership to the first micro-batch of the next, and what a lost worker did not live to report.</summary>
    Recovery,

    /// <summary>From its invitation until base, records and state are there.</summary>
    Load,

    /// <summary>Ready, and not asked for anything; or a member without a micro-batch of the step.</summary>
    Idle,
}

/// <summary>Worker-seconds by state. They add up to the time that workers were the job's, so what a job spent is known to the second.</summary>
public sealed record WorkerSeconds
{
    /// <summary>How many states there are.</summary>
    public const int States = (int)WorkerState.Idle + 1;

    /// <summary>No time at all.</summary>
    public static WorkerSeconds None { get; } = new();

    /// <summary>Seconds of <see cref="WorkerState.Compute"/>.</summary>
    public double Compute { get; init; }

    /// <summary>Seconds of <see cref="WorkerState.Recompute"/>.</summary>
    public double Recompute { get; init; }

    /// <summary>Seconds of <see cref="WorkerState.Reduce"/>.</summary>
    public double Reduce { get; init; }

    /// <summary>Seconds of <see cref="WorkerState.Peers"/>.</summary>
    public double Peers { get; init; }

    /// <summary>Seconds of <see cref="WorkerState.Data"/>.</summary>
    public double Data { get; init; }

    /// <summary>Seconds of <see cref="WorkerState.Checkpoint"/>.</summary>
    public double Checkpoint { get; init; }

    /// <summary>Seconds of <see cref="WorkerState.Evaluation"/>.</summary>
    public double Evaluation { get; init; }

    /// <summary>Seconds of <see cref="WorkerState.Recovery"/>.</summary>
    public double Recovery { get; init; }

    /// <summary>Seconds of <see cref="WorkerState.Load"/>.</summary>
    public double Load { get; init; }

    /// <summary>Seconds of <see cref="WorkerState.Idle"/>.</summary>
    public double Idle { get; init; }

    /// <summary>Seconds of a state.</summary>
    public double this[WorkerState state] => state switch
    {
        WorkerState.Compute => Compute,
        WorkerState.Recompute => Recompute,
        WorkerState.Reduce => Reduce,
        WorkerState.Peers => Peers,
        WorkerState.Data => Data,
        WorkerState.Checkpoint => Checkpoint,
        WorkerState.Evaluation => Evaluation,
        WorkerState.Recovery => Recovery,
        WorkerState.Load => Load,
        WorkerState.Idle => Idle,
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "no state of a worker"),
    };

    /// <summary>All of them.</summary>
    [JsonIgnore]
    public double All => Compute + Recompute + Reduce + Peers + Data + Checkpoint + Evaluation + Recovery + Load + Idle;

    /// <summary>Share of all that computed what is in the result, 0 to 1; null before there was any time.</summary>
    [JsonIgnore]
    public double? Goodput => All > 0 ? Compute / All : null;

    /// <summary>Every state with its seconds, in the states' order, by its name in lower case.</summary>
    public IEnumerable<KeyValuePair<string, double>> ByState()
    {
        for (var state = (WorkerState)0; (int)state < States; state++)
            yield return new(NameOf(state), this[state]);
    }

    /// <summary>A state's name in files, in answers and as a label: in lower case.</summary>
    public static string NameOf(WorkerState state) => names[(int)state];

    static readonly string[] names = [.. Enum.GetNames<WorkerState>().Select(name => name.ToLowerInvariant())];

    /// <summary>Seconds from numbers in the order of the states.</summary>
    public static WorkerSeconds Of(ReadOnlySpan<double> seconds)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(seconds.Length, States);
        return new WorkerSeconds
        {
            Compute = seconds[(int)WorkerState.Compute],
            Recompute = seconds[(int)WorkerState.Recompute],
            Reduce = seconds[(int)WorkerState.Reduce],
            Peers = seconds[(int)WorkerState.Peers],
            Data = seconds[(int)WorkerState.Data],
            Checkpoint = seconds[(int)WorkerState.Checkpoint],
            Evaluation = seconds[(int)WorkerState.Evaluation],
            Recovery = seconds[(int)WorkerState.Recovery],
            Load = seconds[(int)WorkerState.Load],
            Idle = seconds[(int)WorkerState.Idle],
        };
    }

    /// <summary>These and <paramref name="more"/> seconds of one state.</summary>
    public WorkerSeconds With(WorkerState state, double more)
    {
        Span<double> seconds = stackalloc double[States];
        for (var i = 0; i < States; i++)
            seconds[i] = this[(WorkerState)i] + (i == (int)state ? more : 0);
        return Of(seconds);
    }

    /// <summary>These and <paramref name="share"/> of what <paramref name="later"/> has more than <paramref name="earlier"/>.</summary>
    public WorkerSeconds WithShare(double share, WorkerSeconds earlier, WorkerSeconds later)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        ArgumentNullException.ThrowIfNull(later);
        Span<double> seconds = stackalloc double[States];
        for (var i = 0; i < States; i++)
            seconds[i] = this[(WorkerState)i] + share * (later[(WorkerState)i] - earlier[(WorkerState)i]);
        return Of(seconds);
    }
}

/// <summary>What a worker tells about its time: everything since it came to be, so that a repeat changes nothing and a loss is made good by the next.</summary>
/// <param name="Worker">who</param>
/// <param name="Incarnation">another one each time that the worker begins anew</param>
/// <param name="Now">the state it is in</param>
/// <param name="Seconds">its seconds until now, those in <paramref name="Now"/> included</param>
/// <param name="IsFinal">whether it has left: the seconds will not change any more</param>
public sealed record WorkerAccount(Orchestrator.Protocol.Coordination.WorkerId Worker, Guid Incarnation, WorkerState Now, WorkerSeconds Seconds, bool IsFinal);
