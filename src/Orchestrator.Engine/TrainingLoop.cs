using System.Diagnostics;
using Orchestrator.Collectives;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Order;
using Order = Orchestrator.Protocol.Coordination.Order;

namespace Orchestrator.Engine;

/// <summary>
/// Training as one worker does it. The participant says whose turn it is; each turn is one method, in the order of a step: <see cref="Compute"/> the micro-batches of the
/// deal one by one, <see cref="Exchange"/> their sum with everybody, <see cref="Commit"/>. Everything runs on the worker's own thread.
/// </summary>
sealed class TrainingLoop(WorkerId me, JobPresence presence, IJobReports reports) : IDisposable
{
    readonly Participant participant = new(me);
    readonly BatchPacker packer = new();
    readonly Queue<StepReport> unwritten = new();
    readonly Stopwatch sinceCommit = new();
    Replica? replica;
    StepPlan? plan;
    Order.Begin? entering;
    ReducedStep reduced;
    double computeSeconds, reduceSeconds;
    long commits, written;
    volatile bool vanished;

    /// <summary>Whether the last turn was to wait.</summary>
    public bool IsIdle { get; private set; }

    /// <summary>The newest generation the worker has heard of.</summary>
    public Generation Generation => participant.Generation;

    /// <summary>Whether an order ends what the worker may be waiting for. Any thread may ask.</summary>
    public bool IsInterruptedBy(Order order) => participant.IsInterruptedBy(order);

    /// <summary>Whether the participant was told to forget the job.</summary>
    public bool IsReleased { get; private set; }

    bool IsOver { get; set; }

    /// <summary>Hands an order to the participant.</summary>
    public void Take(Order order)
    {
        var taken = participant.Take(order);
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
            switch (turn)
            {
                case Turn.Load: Load(); break;
                case Turn.Stand stand: Stand(stand); break;
                case Turn.Obtain obtain: Obtain(obtain, stop); break;
                case Turn.Compute compute: Compute(compute); break;
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
        }
        catch (PeerLostException lost)
        {
            Tell(new JobEvent.Lost(lost.Process, null, participant.Generation, lost.Reason));
            participant.Told();
            participant.Withdraw();
        }
        catch (ProblemException problem)
        {
            Tell(new JobEvent.Refused(me, problem.Message));
            return new Turn.Leave();
        }
        catch (StateCopyException lost)
        {
            participant.CannotGoOn(lost.Message);
        }
        catch (Exception fault)
        {
            Tell(fault is BrokenInvariantException
                ? new JobEvent.Diverged(participant.InHand, fault.Message)
                : new JobEvent.Lost(me.Silo, me.Slot, participant.Generation, fault.Message));
            presence.Log.Failed(presence.Job.Name, me, participant.InHand, fault);
            return new Turn.Leave();
        }
        return IsOver ? new Turn.Leave() : turn;
    }

    void Load()
    {
        replica = presence.NewReplica(me.Slot);
        participant.Loaded();
    }

    void Stand(Turn.Stand stand)
    {
        // Who asks may be another than the one that was told: what it has not acknowledged is told again.
        foreach (var step in unwritten.Where(step => !vanished && step.Line.Step > Interlocked.Read(ref written)))
            reports.Tell(step);
        Tell(new JobEvent.Stood(me, stand.Generation, stand.Standing));
        participant.Told();
    }

    // What was finished of the step in hand stays where the new deal leaves it to this process; what does not is computed again.
    void Enter(Order.Begin begin)
    {
        entering = null;
        presence.Reduction.Enter(begin);
        sinceCommit.Start();
        foreach (var m in begin.First.Of(me).MicroBatches)
        {
            if (presence.Reduction.Holds(m))
                participant.Computed(m);
            else
                participant.Forgot(m);
        }
        if (begin.Serves && begin.Source is StateSource.Own)
            presence.Serve(begin.Generation, begin.Base, replica!, unwritten);
    }

    void Obtain(Turn.Obtain obtain, CancellationToken stop)
    {
        var lines = presence.Obtain(obtain, participant.Generation, replica!, me.Slot, stop);
        unwritten.Clear();
        foreach (var line in lines)
            unwritten.Enqueue(line);
        plan = null;
        participant.Obtained(obtain.Step);
    }

    void Compute(Turn.Compute compute)
    {
        var step = PlanOf(compute.Step);
        var started = Stopwatch.GetTimestamp();
        var leaf = presence.Reduction.Rent(compute.MicroBatch);
        var batch = presence.Pack(packer, step.MicroBatch(compute.MicroBatch));
        var result = replica!.Backward(batch, step.TokenWeight, leaf.Gradient);
        (leaf.LossSum, leaf.Tokens) = (result.LossSum, result.SupervisedTokens);
        computeSeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (presence.Reduction.Add(participant.Generation, compute.Step, leaf))
            participant.Computed(compute.MicroBatch);
        else
            participant.Withdraw();
    }

    void Exchange(Turn.Exchange exchange, CancellationToken stop)
    {
        PlanOf(exchange.Step);
        var started = Stopwatch.GetTimestamp();
        reduced = presence.Reduction.Reduce(participant.Generation, exchange.Step, exchange.Wish, stop);
        reduceSeconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        participant.Reduced(reduced.Wish);
    }

    void Commit()
    {
        var step = plan!;
        if (reduced.Tokens != step.SupervisedTokens)
            throw new BrokenInvariantException(3, $"step {step.Step} has {step.SupervisedTokens} supervised tokens, but {reduced.Tokens} were summed");
        var learningRate = LearningRate.At(presence.Plan, step.Step);
        var norm = replica!.Update(presence.Reduction.Sum, learningRate);
        var loss = CommittedStep.MeanLoss(reduced.LossSum, reduced.Tokens);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            Tell(new JobEvent.Diverged(step.Step, $"the loss is {loss} and the gradient's norm {norm}; lower training.learningRate or set training.gradientClip"));
            IsOver = true;
            return;
        }
        participant.Commit();
        if (commits++ == 0)
            StartUpMemory.GiveBack();      // a first step compiles and selects kernels
        Report(step, norm, learningRate);
        if (participant.Membership is { } membership && membership.First.Recorder == me && presence.Plan.IsCheckpoint(step.Step))
            Write(step.Step);
        plan = null;
    }

    void Report(StepPlan step, double norm, double learningRate)
    {
        var line = CommittedStep.LineOf(step, reduced.LossSum, norm, learningRate, replica!.Digest());
        var report = new StepReport(me, participant.Generation, line, computeSeconds, reduceSeconds, sinceCommit.Elapsed.TotalSeconds, presence.Gates(replica, step.Step));
        (computeSeconds, reduceSeconds) = (0, 0);
        sinceCommit.Restart();
        while (unwritten.TryPeek(out var oldest) && oldest.Line.Step <= Interlocked.Read(ref written))
            unwritten.Dequeue();
        unwritten.Enqueue(report);
        if (!vanished)
            reports.Tell(report);
    }

    void Write(Step step)
    {
        if (replica!.Step != step)
            throw new BrokenInvariantException(2, $"the replica is at step {replica.Step}, not at {step}");
        presence.Write(replica, Tell);
        participant.Wrote();
    }

    void Complain(Turn.Complain complain)
    {
        Tell(new JobEvent.Lost(me.Silo, me.Slot, complain.Generation, complain.Reason));
        participant.Told();
    }

    /// <summary>The job has written the ledger up to this step: nobody needs the lines before it from here.</summary>
    public void Acknowledge(Step step) => Interlocked.Exchange(ref written, step.Number);

    /// <summary>From now on nothing is told any more.</summary>
    public void Vanish() => vanished = true;

    void Tell(JobEvent what)
    {
        if (!vanished)
            reports.Tell(what);
    }

    StepPlan PlanOf(Step step) => plan?.Step == step ? plan : plan = StepPlan.For(presence.Plan, presence.Sizes, step);

    /// <inheritdoc/>
    public void Dispose() => replica?.Dispose();
}
