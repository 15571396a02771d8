using Orchestrator.Protocol;

namespace Orchestrator.Simulation;

/// <summary>What became of a schedule.</summary>
/// <param name="Schedule">which</param>
/// <param name="Violation">what an oracle has seen; null if all is well</param>
/// <param name="Seconds">virtual time until the job was over</param>
/// <param name="Commits">steps in force, over all replicas</param>
/// <param name="Generations">memberships and musters</param>
sealed record Outcome(Schedule Schedule, string? Violation, double Seconds, long Commits, long Generations);

/// <summary>Runs a schedule: the protocol as it is, in a world as bad as it gets.</summary>
static class Simulation
{
    // Twenty minutes: several patiences of the coordinator, one after the other, and five for a boundary.
    const long PatienceMax = 20 * 60 * 1_000_000L;

    // A schedule has some ten thousand events; whoever answers an answer for ever has many more.
    const long EventsMax = 2_000_000;

    /// <summary>Runs the schedule of a seed.</summary>
    /// <param name="seed">which</param>
    /// <param name="mutant">a mistake to be caught</param>
    /// <param name="trace">where everything that happens is told</param>
    public static Outcome Run(long seed, Mutant mutant = Mutant.None, List<string>? trace = null)
    {
        var schedule = Schedule.Of(seed);
        var world = new World(seed, trace);
        var cluster = new Cluster(schedule, mutant, world);
        string? violation = null;
        try
        {
            var healed = Faults.Plan(cluster);
            world.After(healed, () => Faults.Heal(cluster));
            cluster.Grain.Open();
            for (var events = 1L; !cluster.Disk.Job.IsOver && world.Step(); events++)
            {
                if (events == EventsMax)
                    throw new ViolationException(10, $"{EventsMax} events, and the job is not over: {cluster.Disk.Job.Phase}, {cluster.Disk.Job.Reason}");
                if (world.Now > healed + PatienceMax)
                    throw new ViolationException(10, $"the faults are over, but the job is not: {cluster.Disk.Job.Phase}, {cluster.Disk.Job.Reason}");
            }
            cluster.Oracle.Ends(cluster.Disk);
        }
        catch (Exception e) when (e is ViolationException or BrokenInvariantException or InvalidOperationException or ArgumentException or IndexOutOfRangeException or NullReferenceException or KeyNotFoundException)
        {
            violation = e is ViolationException ? e.Message : e.ToString();
        }
        return new Outcome(schedule, violation, world.Now / 1e6, cluster.Oracle.Commits, cluster.Disk.Job.Generation.Number);
    }
}
