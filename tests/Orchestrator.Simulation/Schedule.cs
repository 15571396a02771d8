using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Simulation;

/// <summary>A mistake that somebody could make in the protocol; the oracles must see each of them.</summary>
enum Mutant
{
    /// <summary>The protocol as it is.</summary>
    None,

    /// <summary>Frames of an older generation count.</summary>
    NoFencing,

    /// <summary>A step comes into force when the first slice of its sum is there.</summary>
    CommitsBeforeAllSlices,

    /// <summary>What was computed from another state stays in the sum when the deal changes.</summary>
    StaleGradient,

    /// <summary>A ledger that is ahead of the checkpoint is appended to without a look at what it holds.</summary>
    LedgerAppendedBlindly,

    /// <summary>What a lost worker was to compute is dealt to nobody.</summary>
    LostLeavesNotDealt,

    /// <summary>Orders go out before the state is saved.</summary>
    SendsBeforeSaving,

    /// <summary>Of two coordinators both save.</summary>
    SavesWithoutETag,

    /// <summary>A worker that is behind goes on from the state it has.</summary>
    LaggardDoesNotCopy,

    /// <summary>Parts are added as they come.</summary>
    AddsInOrderOfArrival,

    /// <summary>The coordinator comes back and asks nobody.</summary>
    ForgetsToAskAfterReturn,

    /// <summary>A stop wish counts for the process that heard it alone.</summary>
    WishesNotShared,

    /// <summary>What was computed for others in case they do not come stays for the next step.</summary>
    HedgesOutliveTheirStep,

    /// <summary>What was computed for others in case they do not come is added to the sum at once.</summary>
    HedgesAddedAtOnce,

    /// <summary>A slot that hung adds what it computed when it wakes, whatever generation it is.</summary>
    WakesUnfenced,

    /// <summary>Every worker audits itself.</summary>
    AuditsItself,

    /// <summary>Digests come after the step is in force, and are not told again by those who stand.</summary>
    AuditsNotHeardAtTheEnd,

    /// <summary>The job goes back to the newest checkpoint, whoever took part in it.</summary>
    GoesBackToTheNewest,

    /// <summary>States and micro-batches from before the job went back count.</summary>
    OldStatesCount,

    /// <summary>Lines of the ledger from before the job went back count.</summary>
    LateLinesCount,
}

/// <summary>What a seed stands for: the size of the job and of the cluster, and how the network is.</summary>
sealed record Schedule
{
    public required long Seed { get; init; }
    public required int MicroBatches { get; init; }
    public required int Steps { get; init; }
    public required int CheckpointEvery { get; init; }
    public required int EvaluateEvery { get; init; }
    public required bool StopsEarly { get; init; }
    public required int EndsAt { get; init; }
    public required IReadOnlyList<int> Slots { get; init; }      // by process
    public required int Faults { get; init; }
    public required int SlowNetworkMax { get; init; }            // microseconds
    public required double Doubled { get; init; }
    public required int ComputeMax { get; init; }                // microseconds a micro-batch
    public required double AuditShare { get; init; }
    public required WorkerId? Miscomputes { get; init; }         // a worker that may compute wrong; everything is audited then

    /// <summary>The schedule of a seed.</summary>
    public static Schedule Of(long seed)
    {
        var chance = new Chance(seed, 0);
        var steps = chance.Between(2, 10);
        var stopsEarly = chance.Happens(0.4);
        var every = chance.Between(1, 4);
        IReadOnlyList<int> slots = [.. Enumerable.Range(0, chance.Between(1, 5)).Select(_ => chance.Happens(0.5) ? 1 : chance.Between(1, 4))];
        var miscomputes = chance.Happens(0.25) && slots.Sum() > 1;
        var process = chance.Between(0, slots.Count - 1);
        return new Schedule
        {
            Seed = seed,
            MicroBatches = chance.Happens(0.1) ? chance.Between(17, 40) : chance.Between(1, 12),
            Steps = steps,
            CheckpointEvery = chance.Between(1, 5),
            EvaluateEvery = every,
            StopsEarly = stopsEarly,
            EndsAt = stopsEarly && chance.Happens(0.5) && steps / every > 0 ? every * chance.Between(1, steps / every) : steps,
            Slots = slots,
            Faults = chance.Happens(0.1) ? 0 : chance.Between(1, 7),
            SlowNetworkMax = chance.Happens(0.3) ? 200_000 : 5_000,
            Doubled = chance.Happens(0.5) ? 0.1 : 0,
            ComputeMax = chance.Happens(0.3) ? 200_000 : 10_000,
            AuditShare = miscomputes ? 1 : chance.Happens(0.2) ? 0.3 : 0,
            Miscomputes = miscomputes ? new WorkerId($"p{process}", chance.Between(0, slots[process] - 1)) : null,
        };
    }

    /// <summary>The job.</summary>
    public JobPlan Plan() => new()
    {
        Spec = new JobSpec
        {
            Name = "simulated",
            Training = new TrainingSpec { Epochs = 1, GlobalBatchSize = MicroBatches, MicroBatchSize = 1 },
            Checkpoint = new CheckpointSpec { EverySteps = CheckpointEvery },
            Audit = new AuditSpec { Share = AuditShare },
            Evaluation = new EvaluationSpec { EverySteps = EvaluateEvery, EarlyStop = StopsEarly ? 1 : null },
        },
        TrainingSamples = MicroBatches * Steps,
        ValidationSamples = 1,
        Parameters = Arithmetic.Elements,
        Digests = new JobDigests("", "", "", ""),
        Kind = "simulated",
    };

    /// <inheritdoc/>
    public override string ToString()
        => $"seed {Seed}: {Steps} steps of {MicroBatches} micro-batches, ends at {EndsAt}{(StopsEarly ? " (may stop early)" : "")}; checkpoint every {CheckpointEvery}, "
            + $"evaluation every {EvaluateEvery}; processes with {string.Join(", ", Slots)} slots; {Faults} faults"
            + $"{(Miscomputes is { } worker ? $", {worker} computes wrong" : "")}{(AuditShare > 0 ? $"; audits {AuditShare:0.0}" : "")}";
}
