using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>Looks at everything that happens, and knows what the undisturbed run gives.</summary>
sealed class Oracle(Schedule schedule)
{
    readonly ulong[] undisturbed = Arithmetic.Undisturbed(schedule.MicroBatches, schedule.Steps);
    readonly Dictionary<Generation, (Step Base, string Deals)> begun = [];
    readonly Dictionary<(Generation, Step), bool> stood = [];
    readonly Dictionary<WorkerId, Step> held = [];
    readonly HashSet<WorkerId> wrong = [];

    /// <summary>Steps that came into force, over all replicas.</summary>
    public long Commits { get; private set; }

    /// <summary>A worker holds a state: it is the undisturbed run's.</summary>
    public void Holds(WorkerId worker, Step step, ulong state)
    {
        if (state != undisturbed[step.Number] && wrong.Count == 0)
            throw new ViolationException(1, $"the state of step {step} on {worker} is not that of the undisturbed run");
        held[worker] = step;
    }

    /// <summary>A step comes into force on a replica: the one after the step it holds, summed over each micro-batch once.</summary>
    public void CommitsStep(WorkerId worker, Step step, Value[] sum)
    {
        Commits++;
        if (step.Number > schedule.EndsAt)
            throw new ViolationException(10, $"{worker} commits step {step}, but the job ends at step {schedule.EndsAt}");
        if (held.GetValueOrDefault(worker).Next != step)
            throw new ViolationException(2, $"{worker} commits step {step}, but holds step {held.GetValueOrDefault(worker)}");
        var all = ulong.MaxValue >> (64 - schedule.MicroBatches);
        foreach (var value in sum)
        {
            if (value.Leaves != all || value.Twice)
                throw new ViolationException(4, $"{worker} commits step {step}, whose sum has not each micro-batch exactly once");
        }
    }

    /// <summary>An order goes out: its generation is saved, and a generation begins in one way only.</summary>
    public void Orders(WorkerId worker, Order order, JobState saved)
    {
        if (order.Generation > saved.Generation)
            throw new ViolationException(5, $"{worker} is told of generation {order.Generation}, but {saved.Generation} is saved");
        if (order is not Order.Begin begin)
            return;
        var way = (begin.Base, $"{begin.First} then {begin.Later} to {begin.Through} over {string.Join(' ', begin.Processes)}");
        if (!begun.TryAdd(begin.Generation, way) && begun[begin.Generation] != way)
            throw new ViolationException(7, $"generation {begin.Generation} begins in two ways");
        foreach (var deal in new[] { begin.First, begin.Later })
        {
            if (!deal.Shares.SelectMany(share => share.MicroBatches).Order().SequenceEqual(Enumerable.Range(0, schedule.MicroBatches)))
                throw new ViolationException(4, $"the deal {deal} has not each micro-batch exactly once");
        }
    }

    /// <summary>A worker has committed a step, and goes on or stands: all of its generation do the same after the same step.</summary>
    public void Follows(WorkerId worker, Generation generation, Step step, bool stands)
    {
        if (!stood.TryAdd((generation, step), stands) && stood[(generation, step)] != stands)
            throw new ViolationException(8, $"{worker} {(stands ? "stands" : "goes on")} after step {step} of generation {generation}, unlike others");
    }

    /// <summary>The coordinator's state is saved: what it knew stays known.</summary>
    public static void Saves(JobState before, JobState after)
    {
        if (after.Generation < before.Generation || before.IsOver || (after.Committed < before.Committed && before.GoingBack is null))
            throw new ViolationException(5, $"generation {after.Generation}, step {after.Committed} is saved over generation {before.Generation}, step {before.Committed}, {before.Phase}");
    }

    /// <summary>A line for the ledger: it is the undisturbed run's.</summary>
    public void Line(Line line)
    {
        if (line.State != undisturbed[line.Step] && wrong.Count == 0)
            throw new ViolationException(1, $"the ledger's line of step {line.Step} is not that of the undisturbed run");
    }

    /// <summary>A worker computes wrong: from now on states may be wrong until it is found.</summary>
    public void Miscomputes(WorkerId worker) => wrong.Add(worker);

    /// <summary>A worker is said to compute wrong: it does.</summary>
    public void Convicts(WorkerId worker, string reason)
    {
        if (!wrong.Contains(worker) && reason.Contains("wrong", StringComparison.Ordinal))
            throw new ViolationException(11, $"{worker} is quarantined, but it computed right: {reason}");
    }

    /// <summary>The job goes back to a step that is said to be certain: everything up to it is the undisturbed run's.</summary>
    public void GoesBack(Step certain, IEnumerable<Line> ledger)
    {
        foreach (var line in ledger.Where(line => line.Step <= certain.Number && line.State != undisturbed[line.Step]))
            throw new ViolationException(11, $"the job goes back to step {certain}, but the state of step {line.Step} is wrong already");
    }

    /// <summary>The job is over: completed, the last state on disk, one line for each step.</summary>
    public void Ends(Disk disk)
    {
        if (disk.Job.Phase != JobPhase.Completed)
            throw new ViolationException(10, $"the job ended as {disk.Job.Phase}: {disk.Job.Reason}");
        if (disk.Read(new Step(schedule.EndsAt)) != undisturbed[schedule.EndsAt])
            throw new ViolationException(10, "the job is completed, but the checkpoint of its last step is not on disk");
        if (disk.Ledger.Find(line => line.State != undisturbed[line.Step]) is { Step: > 0 } line)
            throw new ViolationException(1, $"the job is completed, but the ledger's line of step {line.Step} is not that of the undisturbed run");
        if (!disk.Ledger.Select(line => line.Step).SequenceEqual(Enumerable.Range(1, schedule.EndsAt).Select(n => (long)n)))
            throw new ViolationException(1, $"the job is completed, but the ledger has the steps {string.Join(' ', disk.Ledger.Select(line => line.Step))}");
    }
}
