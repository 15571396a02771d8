using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Orchestrator.Collectives;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Order;
using ReplicaState = Orchestrator.Learning.Training.ReplicaState;

namespace Orchestrator.Engine;

/// <content>Micro-batches that are computed twice, to find a worker that computes wrong.</content>
sealed partial class TrainingLoop
{
    const int DigestBytes = 16;

    readonly SortedDictionary<int, LeafDigest> audited = [];      // of the step in hand
    ReplicaState? now, then;

    void Audit(Turn.Audit audit)
    {
        var leaf = Backward(PlanOf(audit.Step), audit.MicroBatch, WorkerState.Recompute);
        audited[audit.MicroBatch] = ByMe(audit.Step, leaf);
        presence.Reduction.Return(leaf);
        participant.Audited(audit.MicroBatch);
    }

    // Before its part is in the sum, so that nothing comes into force of which the digests are not told.
    void TellAudits(StepPlan step)
    {
        if (!presence.Audits.IsOn)
            return;
        var mine = participant.Membership!.DealOf(step.Step).Of(me).MicroBatches.Where(m => presence.Audits.Selects(step.Step, m));
        var digests = presence.Reduction.DigestsOf(participant.Generation, step.Step, mine);
        if (digests is null || digests.Count + audited.Count == 0)
            return;
        var told = new JobEvent.Audited(me, participant.Generation, step.Step, [.. digests, .. audited.Values]);
        audited.Clear();
        participant.Told(told);
        outbox.Tell(told);
    }

    // The numbers of that step come back for the time of one micro-batch, where it is not the step in hand.
    void Recompute(Turn.Recompute again)
    {
        string? digest = null;
        if (participant.Committed is not null && again.Step == participant.InHand)
        {
            var leaf = Backward(PlanOf(again.Step), again.MicroBatch, WorkerState.Recompute);
            digest = DigestOf(leaf);
            presence.Reduction.Return(leaf);
        }
        else if (past.Find(again.Step) is { } parameters)
        {
            (now, then) = (now ?? new ReplicaState(parameters.Length), then ?? new ReplicaState(parameters.Length));
            replica!.Export(now);
            replica.Export(then);
            parameters.CopyTo(then.Parameters, 0);
            replica.Import(then);
            var leaf = Backward(StepPlan.For(presence.Plan, presence.Sizes, again.Step), again.MicroBatch, WorkerState.Recompute);
            replica.Import(now);
            digest = DigestOf(leaf);
            presence.Reduction.Return(leaf);
        }
        participant.Recomputed();
        outbox.Tell(new JobEvent.Audited(me, participant.Generation, again.Step, [new LeafDigest(again.MicroBatch, me, digest)]));
    }

    LeafDigest ByMe(Step step, PartialSum leaf) => new(leaf.Node.Lo, me, presence.Audits.Selects(step, leaf.Node.Lo) ? DigestOf(leaf) : null);

    string DigestOf(PartialSum leaf)
    {
        Span<byte> numbers = stackalloc byte[2 * sizeof(long)];
        BinaryPrimitives.WriteDoubleLittleEndian(numbers, leaf.LossSum);
        BinaryPrimitives.WriteInt64LittleEndian(numbers[sizeof(long)..], leaf.Tokens);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes(leaf.Gradient.AsSpan(0, presence.Plan.Parameters)));
        hash.AppendData(numbers);
        hash.GetHashAndReset(digest);
        return Convert.ToHexStringLower(digest[..DigestBytes]);
    }
}
