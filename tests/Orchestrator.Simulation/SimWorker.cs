using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>A worker: a participant that says what to do next, and a state that is a number. The shape is that of the engine's training loop, turn by turn.</summary>
sealed class SimWorker(Cluster cluster, SimProcess process, WorkerId me)
{
    readonly Participant participant = new(me);
    readonly Queue<Order> inbox = new();
    readonly Queue<Line> unwritten = new();
    Value[] sum = [];
    ulong state;
    bool busy, interruptible, left;
    int turn;      // what was begun in an earlier turn and comes back after it was interrupted is dropped by this number

    public WorkerId Me => me;

    /// <summary>An order comes. Those that end a generation interrupt a wait; nothing interrupts a micro-batch.</summary>
    public void Post(Order order)
    {
        inbox.Enqueue(order);
        if (busy && interruptible && participant.IsInterruptedBy(order))
            Free();
        Pump();
    }

    /// <summary>The job has the lines up to this step.</summary>
    public void Acknowledge(long written)
    {
        while (unwritten.TryPeek(out var line) && line.Step <= written)
            unwritten.Dequeue();
    }

    /// <summary>Its thread ends with a fault, of which it can still tell.</summary>
    public void Fail()
    {
        cluster.World.Say($"{me} fails");
        left = true;
        process.Left(this);
        Tell(new JobEvent.Lost(me.Silo, me.Slot, participant.Generation, "its thread failed"));
    }

    void Pump()
    {
        while (!busy && !left)
        {
            while (inbox.TryDequeue(out var order))
                Take(order);
            switch (participant.Next)
            {
                case Turn.Load when process.LacksMemoryUntil > cluster.World.Now:
                    left = true;
                    process.Left(this);
                    Tell(new JobEvent.Refused(me, "it lacks the memory for the base"));
                    break;
                case Turn.Load:
                    state = Arithmetic.Start;
                    Busy(cluster.World.Chance.Between(1_000, 80_000), interruptible: false, participant.Loaded);
                    break;
                case Turn.Stand stand:
                    cluster.World.Say($"{me} stands in generation {stand.Generation} at {stand.Standing.Committed}, holds {{{string.Join(' ', stand.Standing.Held)}}}");
                    Tell(new JobEvent.Stood(me, stand.Generation, stand.Standing), [.. unwritten]);
                    participant.Told();
                    cluster.World.Pass("stood");
                    break;
                case Turn.Obtain obtain:
                    Obtain(obtain);
                    break;
                case Turn.Compute compute:
                    var gradient = Arithmetic.Gradient(state, compute.Step, compute.MicroBatch);
                    Busy(cluster.World.Chance.Between(500, cluster.Schedule.ComputeMax), interruptible: false, () =>
                    {
                        if (process.Add(participant.Generation, compute.Step, compute.MicroBatch, gradient))
                            participant.Computed(compute.MicroBatch);
                        else
                            participant.Withdraw();
                        cluster.World.Pass("computed");
                    });
                    break;
                case Turn.Exchange exchange:
                    (busy, interruptible) = (true, true);
                    if (!process.Arrive(this, participant.Generation, exchange.Step, exchange.Wish))
                    {
                        Free();
                        participant.Withdraw();
                    }
                    break;
                case Turn.Commit commit:
                    Busy(cluster.World.Chance.Between(10, 2_000), interruptible: false, () => Commit(commit.Step));
                    break;
                case Turn.Write write:
                    Write(write.Step);
                    Busy(cluster.World.Chance.Between(100, 50_000), interruptible: false, participant.Wrote);
                    break;
                case Turn.Complain complain:
                    Tell(new JobEvent.Lost(me.Silo, me.Slot, complain.Generation, complain.Reason));
                    participant.Told();
                    break;
                case Turn.Leave:
                    left = true;
                    process.Left(this);
                    break;
                default:
                    return;
            }
        }
    }

    void Take(Order order)
    {
        var held = participant.Committed;
        if (!participant.Take(order) || order is not Order.Begin begin || participant.Membership != begin)
            return;
        if (held > begin.Base)
            throw new ViolationException(9, $"{me} holds step {held}, but is to begin from step {begin.Base}: steps are lost");
        cluster.World.Pass("begun");
        process.Enter(begin);
        foreach (var m in begin.First.Of(me).MicroBatches)
        {
            if (process.Holds(m))
                participant.Computed(m);
            else
                participant.Forgot(m);
        }
        if (begin.Serves && begin.Source is StateSource.Own)
            process.Serve(begin.Generation, begin.Base, state, [.. unwritten]);
    }

    void Obtain(Turn.Obtain obtain)
    {
        (busy, interruptible) = (true, true);
        if (obtain.Source is StateSource.Checkpoint checkpoint)
        {
            Later(cluster.World.Chance.Between(1_000, 30_000), () =>
            {
                if (cluster.Disk.Read(checkpoint.Step) is { } found)
                {
                    Obtained(obtain.Step, found.State, found.Unwritten);
                    return;
                }
                cluster.World.Say($"{me} finds the checkpoint of step {checkpoint.Step} damaged");
                Tell(new JobEvent.Started(cluster.Disk.Newest));
                participant.Withdraw();
            });
            return;
        }
        if (cluster.Mutant == Mutant.LaggardDoesNotCopy)
        {
            Later(1_000, () => participant.Obtained(obtain.Step));
            return;
        }
        var from = ((StateSource.Copy)obtain.Source).From.Process;
        var of = participant.Generation;
        var until = cluster.World.Now + 3_000_000;
        Ask();

        void Ask() => Later(cluster.Delay() + cluster.Delay(), () =>
        {
            var source = cluster.Process(from);
            var isReached = source.IsUp && source.HungUntil <= cluster.World.Now && source.CutUntil <= cluster.World.Now && process.CutUntil <= cluster.World.Now;
            if (isReached && source.Served(of, obtain.Step) is { } found)
                Obtained(obtain.Step, found.State, found.Lines);
            else if (cluster.World.Now > until)
                participant.CannotGoOn($"the state of step {obtain.Step} could not be copied from {from}");
            else
                Again();
        });

        void Again()
        {
            (busy, interruptible) = (true, true);
            After(20_000, Ask);
        }
    }

    void Obtained(Step step, ulong obtained, IReadOnlyList<Line> lines)
    {
        state = obtained;
        cluster.Oracle.Holds(me, step, state);
        unwritten.Clear();
        foreach (var line in lines)
            unwritten.Enqueue(line);
        participant.Obtained(step);
    }

    /// <summary>The step that it waits for is summed.</summary>
    public void SumArrived(Generation of, Value[] values, StopWish wish) => Wake(of, () =>
    {
        sum = values;
        participant.Reduced(wish);
    });

    /// <summary>The step that it waits for cannot be summed.</summary>
    public void SumFailed(Generation of, string lost) => Wake(of, () =>
    {
        Tell(new JobEvent.Lost(lost, null, of, "its stream broke"));
        participant.Told();
        participant.Withdraw();
    });

    void Wake(Generation of, Action then)
    {
        if (busy && interruptible && participant.Generation == of)
            Later(cluster.World.Chance.Between(0, 300), then);
    }

    void Commit(Step step)
    {
        cluster.Oracle.CommitsStep(me, step, sum);
        state = Arithmetic.Update(state, sum);
        cluster.Oracle.Holds(me, step, state);
        var (generation, isMember) = (participant.Generation, participant.Membership is not null);
        participant.Commit();
        if (isMember)
            cluster.Oracle.Follows(me, generation, step, stands: participant.Membership is null);
        cluster.World.Say($"{me} commits step {step}");
        unwritten.Enqueue(new Line(step.Number, state));
        Tell(new JobEvent.Committed(me, generation, step), [.. unwritten]);
        if (participant.Membership is { } membership && membership.First.Recorder == me && cluster.Plan.IsCheckpoint(step))
            Write(step);
        cluster.World.Pass("committed");
    }

    // Off the training path: the state as it is now, on disk a while later.
    void Write(Step step)
    {
        var (now, lines) = (state, unwritten.ToList());
        process.After(cluster.World.Chance.Between(1_000, 60_000), () =>
        {
            if (cluster.Disk.FullUntil > cluster.World.Now)
            {
                Tell(new JobEvent.WriteFailed(step, "the disk is full"));
                return;
            }
            cluster.Disk.Write(step, now, lines);
            cluster.World.Say($"{me} has written the checkpoint of step {step}");
            cluster.World.Pass("written");
            Tell(new JobEvent.Written(step));
        });
    }

    void Tell(JobEvent what, params IReadOnlyList<Line> lines) => cluster.Tell(process, me, what, lines);

    void Busy(long microseconds, bool interruptible, Action then)
    {
        (busy, this.interruptible) = (true, interruptible);
        After(microseconds, () => Later(0, then));
    }

    // Ends the turn, if it was not interrupted meanwhile.
    void Later(long microseconds, Action then)
    {
        After(microseconds, () =>
        {
            Free();
            then();
            Pump();
        });
    }

    void After(long microseconds, Action what)
    {
        var mine = turn;
        process.After(microseconds, () =>
        {
            if (mine == turn && !left)
                what();
        });
    }

    void Free()
    {
        (busy, interruptible) = (false, false);
        turn++;
    }
}
