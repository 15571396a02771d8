using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Simulation;

/// <summary>What goes wrong in a schedule, when, and that it stops.</summary>
static class Faults
{
    static readonly string[] points = ["begun", "computed", "gathered", "committed", "stood", "written", "saving", "saved", "ordered", "hedged", "dropped"];

    /// <summary>Plans the faults of a schedule. All of them are over when the time has come that is given back.</summary>
    public static long Plan(Cluster cluster)
    {
        var chance = new Chance(cluster.Schedule.Seed, 2);
        var world = cluster.World;
        var end = 0L;
        if (cluster.Schedule.Miscomputes is { } worker)
        {
            var often = chance.Of([1.0, 0.3, 0.05]);
            world.After(chance.Between(1_000, 1_000_000), () =>
            {
                world.Say($"{worker} computes wrong from now on");
                cluster.Process(worker.Silo).MiscomputesOften = (worker.Slot, often);
            });
            end = 10_000_000L;
        }
        for (var n = 0; n < cluster.Schedule.Faults; n++)
        {
            // Half of them strike at some moment, the others at a point of the protocol soon after.
            var at = chance.Between(1_000, chance.Happens(0.7) ? 800_000 : 4_000_000);
            var fault = Any(cluster, chance);
            var (point, nth) = (chance.Of(points), chance.Between(1, 30));
            world.After(at, chance.Happens(0.5) ? fault : () => world.StrikeAt(point, nth, () =>
            {
                if (world.Now < end)
                    fault();
            }));
            end = Math.Max(end, at + 10_000_000L);
        }
        return end;
    }

    static Action Any(Cluster cluster, Chance chance)
    {
        var world = cluster.World;
        var process = chance.Of(cluster.Processes.ToList());
        var a_while = chance.Happens(0.7) ? chance.Between(10_000, 2_500_000) : chance.Between(1_000_000, 8_000_000);
        switch (chance.Between(0, 19))
        {
            case <= 2:
                return () => process.Crash(a_while);
            case 3:
                return () =>
                {
                    foreach (var each in cluster.Processes)
                        each.Crash(a_while);
                };
            case 4:
                return () => process.Hang(world.Now + a_while);
            case 5:
                return () =>
                {
                    world.Say($"{process.Name} is cut off");
                    process.CutUntil = world.Now + a_while;
                };
            case 6:
                var wanted = chance.Between(0, cluster.Schedule.Slots.Sum());
                return () =>
                {
                    world.Say($"{wanted} workers are wanted");
                    cluster.Wanted = wanted;
                };
            case 7:
                return () =>
                {
                    world.Say($"the user pauses the job");
                    cluster.Grain.Ask(new JobEvent.SuspendRequested());
                    world.After(a_while, () => cluster.Grain.Ask(new JobEvent.ResumeRequested()));
                };
            case 8:
                return () =>
                {
                    world.Say($"the disk is full");
                    cluster.Disk.FullUntil = world.Now + a_while;
                };
            case 9:
                return () =>
                {
                    if (cluster.Disk.Newest.Number == cluster.Schedule.EndsAt)
                        return;      // the result: nobody would compute it again
                    if (cluster.Disk.Damage() is { } damaged)
                        world.Say($"the checkpoint of step {damaged} is damaged");
                    foreach (var each in cluster.Processes)
                        each.Crash(a_while);
                };
            case 10:
                return () =>
                {
                    world.Say($"the database is down");
                    cluster.Disk.DatabaseDownUntil = world.Now + a_while;
                };
            case 11:
                var slot = chance.Between(0, process.Slots - 1);
                return () => process.Fail(slot);
            case 12:
                return () =>
                {
                    world.Say($"{process.Name} lacks memory");
                    process.LacksMemoryUntil = world.Now + a_while;
                };
            case 13:
                return cluster.Grain.Crash;
            case 14:
                var (slow, factor) = (chance.Between(0, process.Slots - 1), chance.Of([2, 2, 5, 30]));
                return () => process.SlowDown(slow, factor, world.Now + a_while);
            case 15 or 16:
                var hanging = chance.Between(0, process.Slots - 1);
                var longer = chance.Between(2_100_000, 5_000_000);      // than it takes to be noticed
                return chance.Happens(0.5) ? () => process.HangSlot(hanging, world.Now + a_while) : () => process.HangSlotInMicroBatch(hanging, longer);
            case 17:
                var minutes = chance.Happens(0.5) ? 60 : -60;
                return () =>
                {
                    world.Say($"the coordinator's clock is set by {minutes} minutes");
                    cluster.Grain.SetClocks(TimeSpan.FromMinutes(minutes));
                };
            case 18:
                return () =>
                {
                    if (cluster.Disk.Newest.Number < cluster.Schedule.EndsAt && cluster.Disk.Damage() is { } damaged)
                        world.Say($"the checkpoint of step {damaged} is damaged");
                };
            default:
                return cluster.Grain.Activate;
        }
    }

    /// <summary>Heals what does not heal by itself.</summary>
    public static void Heal(Cluster cluster)
    {
        cluster.World.Say($"the faults are over");
        cluster.IsHealed = true;
        cluster.Wanted = Math.Max(cluster.Wanted, 1);
    }
}
