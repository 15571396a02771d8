using System.Text.Json.Serialization;

namespace Orchestrator.Protocol.Coordination;

/// <summary>A process of a generation and where its exchange listens.</summary>
public sealed record ProcessAddress(string Process, Uri Exchange);

/// <summary>Where a worker takes the state of the generation's base step from.</summary>
[JsonDerivedType(typeof(Own), "own")]
[JsonDerivedType(typeof(Copy), "copy")]
[JsonDerivedType(typeof(Checkpoint), "checkpoint")]
public abstract record StateSource
{
    StateSource()
    {
    }

    /// <summary>It has it.</summary>
    public sealed record Own : StateSource;

    /// <summary>From a process that has it.</summary>
    public sealed record Copy(ProcessAddress From) : StateSource;

    /// <summary>From the checkpoint of that step; step 0 is the start values.</summary>
    public sealed record Checkpoint(Step Step) : StateSource;
}

/// <summary>
/// What the coordinator asks of a worker. Every order carries its generation: an older one than the worker has seen is dropped, a repeated one changes nothing.
/// </summary>
[JsonDerivedType(typeof(Invite), "invite")]
[JsonDerivedType(typeof(Muster), "muster")]
[JsonDerivedType(typeof(Begin), "begin")]
[JsonDerivedType(typeof(Halt), "halt")]
[JsonDerivedType(typeof(Write), "write")]
[JsonDerivedType(typeof(Recompute), "recompute")]
[JsonDerivedType(typeof(Release), "release")]
public abstract record Order(Generation Generation)
{
    /// <summary>Load what the job needs, then stand. To a worker that stands already it says: tell again.</summary>
    public sealed record Invite(Generation Generation) : Order(Generation);

    /// <summary>Finish the micro-batch in hand, take part in no older generation any more, and stand.</summary>
    public sealed record Muster(Generation Generation) : Order(Generation);

    /// <summary>Take part: compute the first step after <paramref name="Base"/> by one deal, those after it by the other, and stand at <paramref name="Through"/>.</summary>
    /// <param name="Generation">the new membership</param>
    /// <param name="Base">the step whose state everybody starts from</param>
    /// <param name="Source">where this worker takes that state from</param>
    /// <param name="Processes">all processes, in the order of their names</param>
    /// <param name="First">deal of the step after <paramref name="Base"/></param>
    /// <param name="Later">deal of the steps after that</param>
    /// <param name="Through">the boundary</param>
    /// <param name="Serves">whether others copy the state of <paramref name="Base"/> from this worker's process, which keeps it for them</param>
    public sealed record Begin(
        Generation Generation, Step Base, StateSource Source, IReadOnlyList<ProcessAddress> Processes, Deal First, Deal Later, Step Through, bool Serves)
        : Order(Generation)
    {
        /// <summary>What was computed in an older generation than this, state or micro-batch, may be wrong and does not count.</summary>
        public Generation Since { get; init; }

        /// <summary>The deal of <paramref name="step"/>.</summary>
        public Deal DealOf(Step step) => step == Base.Next ? First : Later;
    }

    /// <summary>Tell the others, with the next step's frames, that all should stand after it. Kept where it comes before its generation's <see cref="Begin"/>.</summary>
    public sealed record Halt(Generation Generation, StopWish Wish) : Order(Generation);

    /// <summary>Write the checkpoint of the step the worker stands at.</summary>
    public sealed record Write(Generation Generation, Step Step) : Order(Generation);

    /// <summary>Compute a micro-batch of a step that is past once more, from the state that it was computed from, and tell its digest.</summary>
    public sealed record Recompute(Generation Generation, Step Step, int MicroBatch) : Order(Generation);

    /// <summary>Forget the job: said with the last number before a newer generation, so that a later invitation is newer.</summary>
    public sealed record Release(Generation Generation) : Order(Generation);
}

/// <summary>What a worker has when it stands still.</summary>
/// <param name="Committed">the step whose state it holds; null before it holds any</param>
/// <param name="Held">micro-batches of the step after it that it has finished</param>
public sealed record Standing(Step? Committed, IReadOnlyList<LeafRange> Held)
{
    /// <summary>Micro-batches of the same step that were dealt to others, and that it has finished in case they are not.</summary>
    public IReadOnlyList<LeafRange> Hedged { get; init; } = [];

    /// <summary>The generation in which it took part last, and came by that state.</summary>
    public Generation In { get; init; }

    /// <summary>Seconds that it needs for an average micro-batch; null where it has not measured.</summary>
    public double? Pace { get; init; }

    /// <summary>What it told of the audited micro-batches of its last steps.</summary>
    public IReadOnlyList<JobEvent.Audited> Audits { get; init; } = [];
}

/// <summary>The digest of a micro-batch's gradient and loss.</summary>
/// <param name="MicroBatch">which</param>
/// <param name="Computer">who computed it</param>
/// <param name="Digest">equal for equal bits; null where it could not be computed, since the state is gone</param>
public sealed record LeafDigest(int MicroBatch, WorkerId Computer, string? Digest);

/// <summary>What happens to a job: what its coordinator decides on.</summary>
[JsonDerivedType(typeof(Started), "started")]
[JsonDerivedType(typeof(Offered), "offered")]
[JsonDerivedType(typeof(Stood), "stood")]
[JsonDerivedType(typeof(Lost), "lost")]
[JsonDerivedType(typeof(Refused), "refused")]
[JsonDerivedType(typeof(Committed), "committed")]
[JsonDerivedType(typeof(Written), "written")]
[JsonDerivedType(typeof(WriteFailed), "writeFailed")]
[JsonDerivedType(typeof(Evaluated), "evaluated")]
[JsonDerivedType(typeof(Diverged), "diverged")]
[JsonDerivedType(typeof(Contradicted), "contradicted")]
[JsonDerivedType(typeof(Damaged), "damaged")]
[JsonDerivedType(typeof(Paced), "paced")]
[JsonDerivedType(typeof(Audited), "audited")]
[JsonDerivedType(typeof(Pardoned), "pardoned")]
[JsonDerivedType(typeof(SuspendRequested), "suspendRequested")]
[JsonDerivedType(typeof(ResumeRequested), "resumeRequested")]
[JsonDerivedType(typeof(CancelRequested), "cancelRequested")]
[JsonDerivedType(typeof(TimePassed), "timePassed")]
public abstract record JobEvent
{
    JobEvent()
    {
    }

    /// <summary>
    /// The job begins, or its coordinator came back from its saved state, or a checkpoint turned out to be damaged, or what had to be dropped is dropped
    /// (<see cref="JobOrder.GoBack"/>). Workers that are known are mustered: orders may have been lost after the save, and answers with the coordinator before.
    /// </summary>
    /// <param name="Checkpoint">the newest checkpoint that is whole, as the disk has it; step 0 where there is none</param>
    /// <param name="WentBack">of how many of <see cref="JobState.WaysBack"/> the disk knows</param>
    public sealed record Started(Step Checkpoint, int WentBack = 0) : JobEvent;

    /// <summary>The workers that the job may have from now on: all of them, not the difference.</summary>
    public sealed record Offered(IReadOnlyList<WorkerOffer> Workers) : JobEvent;

    /// <summary>A worker stands still.</summary>
    public sealed record Stood(WorkerId Worker, Generation Generation, Standing Standing) : JobEvent;

    /// <summary>A worker is gone, or cannot go on; a whole process where <paramref name="Slot"/> is null.</summary>
    public sealed record Lost(string Process, int? Slot, Generation Generation, string Reason) : JobEvent;

    /// <summary>A worker cannot take part at all: it lacks the base, or the memory for it.</summary>
    public sealed record Refused(WorkerId Worker, Generation Generation, string Reason) : JobEvent;

    /// <summary>A worker was to take its state from a checkpoint, and found it damaged.</summary>
    public sealed record Damaged(WorkerId Worker, Generation Generation, Step Checkpoint, string Reason) : JobEvent;

    /// <summary>A worker has committed up to this step.</summary>
    public sealed record Committed(WorkerId Worker, Generation Generation, Step Step) : JobEvent;

    /// <summary>How fast a worker is by now.</summary>
    /// <param name="Worker">who</param>
    /// <param name="Generation">in which generation it was measured</param>
    /// <param name="Seconds">for an average micro-batch</param>
    public sealed record Paced(WorkerId Worker, Generation Generation, double Seconds) : JobEvent;

    /// <summary>
    /// What a worker contributes to a step of those micro-batches that are audited, and what it computed to audit others. Told before the step's sum can be complete, and
    /// told again when the worker stands.
    /// </summary>
    public sealed record Audited(WorkerId Worker, Generation Generation, Step Step, IReadOnlyList<LeafDigest> Leaves) : JobEvent;

    /// <summary>A quarantined worker may be used again: whoever says so knows that it is mended.</summary>
    public sealed record Pardoned(WorkerId Worker) : JobEvent;

    /// <summary>A checkpoint is whole and on disk.</summary>
    /// <param name="Step">whose</param>
    /// <param name="Generation">the generation in which its state was copied</param>
    public sealed record Written(Step Step, Generation Generation) : JobEvent;

    /// <summary>A checkpoint could not be written.</summary>
    /// <param name="Step">whose</param>
    /// <param name="Generation">the generation in which its state was copied</param>
    /// <param name="Reason">why not</param>
    public sealed record WriteFailed(Step Step, Generation Generation, string Reason) : JobEvent;

    /// <summary>A step's adapter was evaluated.</summary>
    /// <param name="Step">whose</param>
    /// <param name="Ends">whether the job ends with it (early stop)</param>
    /// <param name="Since">what its order said</param>
    public sealed record Evaluated(Step Step, bool Ends, Generation Since = default) : JobEvent;

    /// <summary>The result can never be right: a loss that is not finite, an invariant that broke.</summary>
    public sealed record Diverged(Step Step, string Reason) : JobEvent;

    /// <summary>A step's line of the ledger is not the one that is written: it was computed wrong, then or now.</summary>
    public sealed record Contradicted(Step Step, Generation Generation, string Reason) : JobEvent;

    /// <summary>Stop, keep everything.</summary>
    public sealed record SuspendRequested : JobEvent;

    /// <summary>Go on.</summary>
    public sealed record ResumeRequested : JobEvent;

    /// <summary>Stop for good.</summary>
    public sealed record CancelRequested : JobEvent;

    /// <summary>Nothing else happened for a while.</summary>
    public sealed record TimePassed : JobEvent;
}

/// <summary>A worker that a job may use.</summary>
/// <param name="Worker">who</param>
/// <param name="Exchange">where its process' exchange listens</param>
public sealed record WorkerOffer(WorkerId Worker, Uri Exchange);

/// <summary>What the coordinator wants done besides saving its state.</summary>
public abstract record JobOrder
{
    JobOrder()
    {
    }

    /// <summary>An order for a worker.</summary>
    public sealed record ToWorker(WorkerId Worker, Order Order) : JobOrder;

    /// <summary>The adapter of a step's checkpoint is to be evaluated.</summary>
    /// <param name="Step">whose</param>
    /// <param name="Since">names what the checkpoint is of: after the job went back, that of the same step is another</param>
    public sealed record Evaluate(Step Step, Generation Since = default) : JobOrder;

    /// <summary>
    /// The ledger's lines, the checkpoints and the evaluations of later steps than <paramref name="Step"/> are to be dropped. Then <see cref="JobEvent.Started"/> is said, with
    /// the newest checkpoint that is whole. Idempotent; whoever comes back finds it in <see cref="JobState.GoingBack"/>.
    /// </summary>
    public sealed record GoBack(Step Step) : JobOrder;

    /// <summary>
    /// A worker says that a checkpoint is damaged. Where the carrier finds so too, it says <see cref="JobEvent.Started"/> with the newest that is whole; where not, the worker's
    /// way to it is: <see cref="JobEvent.Refused"/> in the worker's name.
    /// </summary>
    public sealed record Inspect(WorkerId Worker, Generation Generation, Step Checkpoint, string Reason) : JobOrder;

    /// <summary>A worker computes wrong, and this job uses it no more: whoever hands out workers should not either.</summary>
    public sealed record Quarantine(WorkerId Worker, string Reason) : JobOrder;
}
