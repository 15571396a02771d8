using System.Diagnostics;
using Orchestrator.Collectives;
using Orchestrator.Engine.Telemetry;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Order;
using Order = Orchestrator.Protocol.Coordination.Order;

namespace Orchestrator.Engine;

/// <summary>
/// Training as one worker does it. The participant says whose turn it is; each turn is one method, in the order of a step: <see cref="Compute"/> the micro-batches of the
/// deal one by one, <see cref="Exchange"/> their sum with everybody, <see cref="Commit"/>. What is measured on the way is <see cref="StepTimes"/>'s, what is told <see cref="Outbox"/>'s.
/// Everything runs on the worker's own thread.
/// </summary>
sealed partial class TrainingLoop(WorkerId me, JobPresence presence, IJobReports reports, WorkerClock clock) : IDisposable
{
    readonly Participant participant = new(me, presence.Audits);
    readonly BatchPacker packer = new();
    readonly Pace pace = new();
    readonly PastParameters past = new(presence.Audits.IsOn ? presence.Plan.Parameters : 0);
    readonly HangWatch watch = new();
    readonly Outbox outbox = new(reports);
    readonly StepTimes times = new(me, clock, presence.InHand);
    Replica? replica;
    StepPlan? plan;
    Order.Begin? entering;
    ReducedStep reduced;
    ReductionRound? summed;      // where the sum of the step in hand can be read
    long commits;

    /// <summary>Whether the last turn was to wait.</summary>
    public bool IsIdle { get; private set; }

    /// <summary>The newest generation the worker has heard of.</summary>
    public Generation Generation => participant.Generation;

    /// <summary>Whether an order ends what the worker may be waiting for. Any thread may ask.</summary>
    public bool IsInterruptedBy(Order order) => participant.IsInterruptedBy(order);

    /// <summary>Whether the participant was told to forget the job.</summary>
    public bool IsReleased { get; private set; }

    /// <summary>The span that those of its steps belong to; null where nothing is traced.</summary>
    public string? Trace { get; set; }

    bool IsOver { get; set; }

    /// <summary>Hands an order to the participant.</summary>
    public void Take(Order order)
    {
        var member = participant.Membership;
        var taken = participant.Take(order);
        if (member is not null && participant.Membership != member)
            times.Resting = WorkerState.Recovery;
        if (taken && order is Order.Begin begin && participant.Membership == begin)
            entering = begin;
        IsReleased |= taken && order is Order.Release;
    }

    /// <summary>Does what is next.</summary>
    /// <param name="stop">cancelled when an order ended the generation</param>
    public Turn TakeTurn(CancellationToken stop)
    {
        Turn turn = new Turn.Wait();
        try
        {
            if (entering is { } begin && participant.Membership == begin)
                Enter(begin);
            turn = participant.Next;
            IsIdle = turn is Turn.Wait;
            if (IsIdle)
                times.Rest();
            switch (turn)
            {
                case Turn.Load: Load(); break;
                case Turn.Stand stand: Stand(stand); break;
                case Turn.Obtain obtain: Obtain(obtain, stop); break;
                case Turn.Compute compute: Compute(compute); break;
                case Turn.Audit audit: Audit(audit); break;
                case Turn.Recompute again: Recompute(again); break;
                case Turn.Exchange exchange: Exchange(exchange, stop); break;
                case Turn.Commit: Commit(); break;
                case Turn.Write write: Write(write.Step); break;
                case Turn.Complain complain: Complain(complain); break;
                default: break;
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested || participant.Membership is not null)
        {
            // The generation has passed: the order that ended it is in the inbox, or on its way.
            IsIdle = !stop.IsCancellationRequested;
            times.BreakOff();
        }
        catch (PeerLostException lost)
        {
            outbox.Tell(new JobEvent.Lost(lost.Process, null, participant.Generation, lost.Reason));
            participant.Told();
            participant.Withdraw();
            times.BreakOff();
        }
        catch (ProblemException problem)
        {
            outbox.Tell(new JobEvent.Refused(me, participant.Generation, problem.Message));
            return new Turn.Leave();
        }
        catch (StateCopyException lost)
        {
            participant.CannotGoOn(lost.Message);
            times.BreakOff();
        }
        catch (Exception fault)
        {
            outbox.Tell(fault is BrokenInvariantException
                ? new JobEvent.Diverged(participant.InHand, fault.Message)
                : new JobEvent.Lost(me.Silo, me.Slot, participant.Generation, fault.Message));
            presence.Log.Failed(presence.Job.Name, me, participant.InHand, fault);
            return new Turn.Leave();
        }
        return IsOver ? new Turn.Leave() : turn;
    }

    void Compute(Turn.Compute compute)
    {
        var step = PlanOf(compute.Step);
        using var traced = times.BeginShare(compute.MicroBatch);
        var leaf = Backward(step, compute.MicroBatch, times.ShareState);
        times.FoldShare();
        var counts = presence.Reduction.Add(participant.Generation, compute.Step, leaf, ByMe(step.Step, leaf));
        times.EndShare(compute.Step, compute.MicroBatch, counts);
        if (counts)
            participant.Computed(compute.MicroBatch);
        else
            participant.Withdraw();
    }

    // One micro-batch, watched: whoever looks after this thread sees when it began.
    PartialSum Backward(StepPlan step, int m, WorkerState state)
    {
        times.Enter(WorkerState.Data);
        var leaf = presence.Reduction.Rent(m);
        var samples = step.MicroBatch(m);
        var tokens = presence.TokensOf(samples);
        watch.Begin(pace.HangsAfter(tokens));
        var started = Stopwatch.GetTimestamp();
        var batch = presence.Pack(packer, samples);
        times.Enter(state);
        var result = replica!.Backward(batch, step.TokenWeight, leaf.Gradient);
        presence.Drill?.Invoke(me, step.Step, leaf);
        watch.End();
        (leaf.LossSum, leaf.Tokens) = (result.LossSum, result.SupervisedTokens);
        pace.Measure(Stopwatch.GetElapsedTime(started).TotalSeconds, tokens);
        return leaf;
    }

    void Exchange(Turn.Exchange exchange, CancellationToken stop)
    {
        var step = PlanOf(exchange.Step);
        TellAudits(step);
        using var traced = times.BeginSum();
        summed = presence.Reduction.Arrive(participant.Generation, exchange.Step, exchange.Wish);
        Await(summed, step, stop);
        reduced = summed.Outcome();
        times.EndSum(presence.Reduction.SummedFrom);
        participant.Reduced(reduced.Wish);
    }

    void Commit()
    {
        var step = plan!;
        times.Update();
        if (reduced.Tokens != step.SupervisedTokens)
            throw new BrokenInvariantException(3, $"step {step.Step} has {step.SupervisedTokens} supervised tokens, but {reduced.Tokens} were summed");
        var learningRate = LearningRate.At(presence.Plan, step.Step);
        past.Keep(step.Step, replica!.Parameters);
        watch.Begin(Pace.HangSecondsMin);
        var norm = replica.Update(summed!.Sum, learningRate);
        watch.End();
        summed.Release();
        var loss = CommittedStep.MeanLoss(reduced.LossSum, reduced.Tokens);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            outbox.Tell(new JobEvent.Diverged(step.Step, $"the loss is {loss} and the gradient's norm {norm}; lower training.learningRate or set training.gradientClip"));
            IsOver = true;
            return;
        }
        participant.Commit();
        times.Commit(step.Step);
        if (commits++ == 0)
            SpareMemory.GiveBack();      // a first step compiles and selects kernels
        SpareMemory.CollectYoung();
        Report(step, norm, learningRate);
        TellPace(step);
        if (participant.Membership is { } membership && membership.First.Recorder == me && presence.Plan.IsCheckpoint(step.Step))
            Write(step.Step);
        if (participant.Membership is null)
            times.Resting = StandsFor(step.Step);
        plan = null;
        times.EndStep();
    }

    void Report(StepPlan step, double norm, double learningRate)
    {
        var line = CommittedStep.LineOf(step, reduced.LossSum, norm, learningRate, replica!.Digest());
        var took = times.TakeSeconds();
        outbox.Tell(new StepReport(me, participant.In, line, took.Compute, took.Reduce, took.Step, presence.Gates(replica, step.Step), replica.ActivationBytes));
    }

    void Write(Step step)
    {
        if (replica!.Step != step)
            throw new BrokenInvariantException(2, $"the replica is at step {replica.Step}, not at {step}");
        times.Enter(WorkerState.Checkpoint);
        presence.Write(replica, participant.In, outbox.Tell);
        participant.Wrote();
    }

    void Complain(Turn.Complain complain)
    {
        outbox.Tell(new JobEvent.Lost(me.Silo, me.Slot, complain.Generation, complain.Reason));
        participant.Told();
    }

    void TellPace(StepPlan step)
    {
        var tokens = (double)step.Tokens / step.MicroBatchCount;
        participant.Pace = pace.IsKnown ? pace.SecondsFor(tokens) : null;
        if (pace.Tell(tokens) is { } seconds)
            outbox.Tell(new JobEvent.Paced(me, participant.Generation, seconds));
    }

    /// <summary>What the worker is at, for whoever looks after its thread.</summary>
    public HangWatch Watch => watch;

    /// <summary>Another thread tells that the worker hangs.</summary>
    public void TellThatItHangs(Generation generation) => outbox.Tell(new JobEvent.Lost(me.Silo, me.Slot, generation, "it takes far longer than usual for a micro-batch"));

    /// <summary>The job has written the ledger up to this step: nobody needs the lines before it from here.</summary>
    public void Acknowledge(Step step) => outbox.Acknowledge(step);

    /// <summary>From now on nothing is told any more.</summary>
    public void Vanish() => outbox.Vanish();

    StepPlan PlanOf(Step step)
    {
        if (plan?.Step == step)
            return plan;
        times.BeginStep(step, outbox.IsWritten(step.Number), Trace);
        return plan = StepPlan.For(presence.Plan, presence.Sizes, step);
    }

    // What the job waits for when all stand after a step: by the plan, or because somebody comes or goes.
    WorkerState StandsFor(Step step)
        => presence.Plan.BoundaryAfter(new Step(step.Number - 1)) != step ? WorkerState.Recovery
            : presence.Plan.IsEvaluation(step) ? WorkerState.Evaluation : WorkerState.Checkpoint;

    /// <inheritdoc/>
    public void Dispose()
    {
        times.Dispose();
        replica?.Dispose();
    }
}
