using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>A worker: a participant that says what to do next, and a state that is a number. The shape is that of the engine's training loop, turn by turn.</summary>
sealed class SimWorker(Cluster cluster, SimProcess process, WorkerId me)
{
    readonly Participant participant = new(me, cluster.Audits);
    readonly Pace pace = new();
    readonly SortedDictionary<int, string> audited = [];            // digests of the step in hand
    readonly SortedDictionary<long, ulong> past = [];               // by step: the state that it was computed from
    readonly Queue<Order> inbox = new();
    readonly Queue<Line> unwritten = new();
    Value[] sum = [];
    ulong state;
    Action? arrivedMeanwhile;
    long shareBegan, computes;
    bool busy, interruptible, left, hedging;
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

    /// <summary>The newest generation that a hanging worker was told of; null where it is not computing.</summary>
    public Generation? HangsIn => !left && computes > 0 && cluster.World.Now - computes > 1_000_000 * pace.HangsAfter(Tokens)
        ? inbox.Select(order => order.Generation).Append(participant.Generation).MaxBy(generation => generation.Number)
        : null;

    /// <summary>It hangs no more.</summary>
    public void Wake() => Pump();

    /// <summary>Another thread of its process tells that it hangs.</summary>
    public void TellThatItHangs(Generation of) => Tell(new JobEvent.Lost(me.Silo, me.Slot, of, "its micro-batch takes too long"));

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
        foreach (var order in inbox.ToList())      // nobody would send them again
            process.Take(me, order);
    }

    void Pump()
    {
        while (!busy && !left && process.HangsUntil(me.Slot) == 0)
        {
            while (inbox.TryDequeue(out var order))
                Take(order);
            switch (participant.Next)
            {
                case Turn.Load when process.LacksMemoryUntil > cluster.World.Now:
                    left = true;
                    process.Left(this);
                    Tell(new JobEvent.Refused(me, participant.Generation, "it lacks the memory for the base"));
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
                    if (shareBegan == 0)
                        shareBegan = cluster.World.Now;
                    BusyComputing(compute.Step, compute.MicroBatch, state, gradient =>
                    {
                        if (process.Add(me, participant.Generation, compute.Step, compute.MicroBatch, gradient))
                            participant.Computed(compute.MicroBatch);
                        else
                            participant.Withdraw();
                        cluster.World.Pass("computed");
                    });
                    break;
                case Turn.Audit audit:
                    BusyComputing(audit.Step, audit.MicroBatch, state, gradient =>
                    {
                        audited[audit.MicroBatch] = Arithmetic.Digest(gradient);
                        participant.Audited(audit.MicroBatch);
                    });
                    break;
                case Turn.Recompute again:
                    if ((participant.InHand == again.Step ? state : past.TryGetValue(again.Step.Number, out var was) ? was : (ulong?)null) is { } before)
                        BusyComputing(again.Step, again.MicroBatch, before, gradient => Answer(again, Arithmetic.Digest(gradient)));
                    else
                        Answer(again, null);
                    break;
                case Turn.Exchange exchange:
                    TellAudits(exchange.Step);
                    (busy, interruptible) = (true, true);
                    WaitForOthers(exchange.Step);
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
        if (held > begin.Base && participant.In >= begin.Since)
            throw new ViolationException(9, $"{me} holds step {held}, but is to begin from step {begin.Base}: steps are lost");
        cluster.World.Pass("begun");
        if (participant.Committed != begin.Base)
            audited.Clear();
        shareBegan = 0;
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
                    Obtained(obtain.Step, found, []);
                    return;
                }
                cluster.World.Say($"{me} finds the checkpoint of step {checkpoint.Step} damaged");
                Tell(new JobEvent.Damaged(me, participant.Generation, checkpoint.Step, "it is damaged"));
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
        past.Clear();
        foreach (var line in lines)
            unwritten.Enqueue(line);
        participant.Obtained(step);
    }

    const long Tokens = 100;

    // Forward and backward: nothing interrupts it.
    void BusyComputing(Step step, int m, ulong from, Action<Value[]> then)
    {
        var gradient = Compute(step, m, from);
        var took = TimeOfMicroBatch();
        computes = cluster.World.Now;
        process.StrikeWhileItComputes(me.Slot);
        Busy(took, interruptible: false, () =>
        {
            pace.Measure(took / 1e6, Tokens);
            computes = 0;
            then(gradient);
        });
    }

    Value[] Compute(Step step, int m, ulong from)
    {
        var right = Arithmetic.Gradient(from, step, m);
        // Alone, nobody could find it.
        if (participant.Membership is not { First.Shares.Count: > 1 } || !process.Miscomputes(me.Slot))
            return right;
        cluster.Oracle.Miscomputes(me);
        cluster.World.Say($"{me} computes micro-batch {m} of step {step} wrong");
        return Arithmetic.Wrong(right);
    }

    long TimeOfMicroBatch() => (long)cluster.World.Chance.Between(500, cluster.Schedule.ComputeMax) * process.SlownessOf(me.Slot);

    void Answer(Turn.Recompute again, string? digest)
    {
        participant.Recomputed();
        Tell(new JobEvent.Audited(me, participant.Generation, again.Step, [new LeafDigest(again.MicroBatch, me, digest)]));
    }

    // Before its part is in the sum, so that nothing comes into force of which the digests are not told.
    void TellAudits(Step step)
    {
        if (!cluster.Audits.IsOn || participant.Membership is not { } membership || process.DigestsOf(participant.Generation, step) is not { } digests)
            return;
        var deal = membership.DealOf(step);
        List<LeafDigest> leaves = [.. deal.Of(me).MicroBatches.Where(m => cluster.Audits.Selects(step, m)).Select(m => digests[m]),
            .. audited.Select(known => new LeafDigest(known.Key, me, known.Value))];
        if (cluster.Mutant == Mutant.AuditsItself)
            leaves = [.. leaves.SelectMany(leaf => new[] { leaf, leaf with { Computer = new WorkerId("auditor", 0) } })];
        audited.Clear();
        if (leaves.Count == 0)
            return;
        var told = new JobEvent.Audited(me, participant.Generation, step, leaves);
        participant.Told(told);
        if (cluster.Mutant == Mutant.AuditsNotHeardAtTheEnd)
            After(100_000, () => Tell(told));
        else
            Tell(told);
    }

    // What it waits for may never come: it computes what is missing, one micro-batch after the other, and complains in the end.
    void WaitForOthers(Step step)
    {
        var usual = Math.Max(1_000, 1_000_000 * pace.SecondsFor(Tokens));
        var share = shareBegan == 0 ? 0 : (cluster.World.Now - shareBegan) / 1e6;
        shareBegan = 0;
        After((long)(2 * usual), Hedge);
        After((long)(1_000_000 * Hedging.Patience(usual / 1e6, share)), () =>
        {
            if (participant.Membership is not { } membership)
                return;
            foreach (var (straggler, _) in Hedging.Stragglers(membership.DealOf(step), me, process.HasArrived))
                Tell(new JobEvent.Lost(straggler.Silo, straggler.Slot, participant.Generation, "its part of the sum does not come"));
        });

        void Hedge()
        {
            if (participant.Hedge(process.IsThere) is not { } m)
            {
                After((long)usual, Hedge);
                return;
            }
            var gradient = Compute(step, m, state);
            (hedging, interruptible, computes) = (true, false, cluster.World.Now);
            After(TimeOfMicroBatch(), () =>
            {
                (hedging, interruptible, computes) = (false, true, 0);
                if (process.Hedge(me, participant.Generation, step, m, gradient))
                    participant.Hedged(m);
                cluster.World.Pass("hedged");
                if (arrivedMeanwhile is { } then)
                {
                    arrivedMeanwhile = null;
                    Later(0, then);
                }
                else if (inbox.Any(participant.IsInterruptedBy))
                {
                    Free();
                    Pump();
                }
                else
                {
                    After(100, Hedge);
                }
            });
        }
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
        if (busy && hedging && participant.Generation == of)
            arrivedMeanwhile = then;
        else if (busy && interruptible && participant.Generation == of)
            Later(cluster.World.Chance.Between(0, 300), then);
    }

    void Commit(Step step)
    {
        cluster.Oracle.CommitsStep(me, step, sum);
        past[step.Number] = state;
        if (past.Count > 8)
            past.Remove(past.Keys.First());
        state = Arithmetic.Update(state, sum);
        cluster.Oracle.Holds(me, step, state);
        var (generation, isMember) = (participant.In, participant.Membership is not null);
        participant.Commit();
        if (isMember)
            cluster.Oracle.Follows(me, generation, step, stands: participant.Membership is null);
        cluster.World.Say($"{me} commits step {step}");
        unwritten.Enqueue(new Line(step.Number, state, generation));
        Tell(new JobEvent.Committed(me, generation, step), [.. unwritten]);
        participant.Pace = pace.IsKnown ? pace.SecondsFor(Tokens) : null;
        if (pace.Tell(Tokens) is { } seconds)
            Tell(new JobEvent.Paced(me, generation, seconds));
        if (participant.Membership is { } membership && membership.First.Recorder == me && cluster.Plan.IsCheckpoint(step))
            Write(step);
        cluster.World.Pass("committed");
    }

    // Off the training path: the state as it is now, on disk a while later.
    void Write(Step step)
    {
        var (now, lines, of) = (state, unwritten.ToList(), participant.In);
        process.After(cluster.World.Chance.Between(1_000, 60_000), () =>
        {
            if (cluster.Disk.FullUntil > cluster.World.Now)
            {
                Tell(new JobEvent.WriteFailed(step, of, "the disk is full"));
                return;
            }
            cluster.Disk.Write(step, now);
            cluster.World.Say($"{me} has written the checkpoint of step {step}");
            cluster.World.Pass("written");
            Tell(new JobEvent.Written(step, of), lines);
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
        process.After(microseconds, Do);

        void Do()
        {
            if (mine != turn || left)
                return;
            if (process.HangsUntil(me.Slot) is > 0 and var until)
                process.After(until - cluster.World.Now + 1, Do);
            else
                what();
        }
    }

    void Free()
    {
        (busy, interruptible, hedging, arrivedMeanwhile, computes) = (false, false, false, null, 0);
        turn++;
    }
}
