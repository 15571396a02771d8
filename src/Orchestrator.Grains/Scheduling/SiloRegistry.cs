using Orchestrator.Protocol.Scheduling;

namespace Orchestrator.Grains.Scheduling;

/// <summary>The silos that said they live, in memory: they say it every second, so whoever forgets it hears it again.</summary>
sealed class SiloRegistry(IClusterMembershipService membership, TimeProvider clock)
{
    /// <summary>How long an announcement counts.</summary>
    public static readonly TimeSpan AnnouncementLife = TimeSpan.FromSeconds(4);

    readonly SortedDictionary<string, Heard> silos = new(StringComparer.Ordinal);
    readonly DateTimeOffset begun = clock.GetUtcNow();

    sealed record Heard(SiloAnnouncement Said, DateTimeOffset At, DateTimeOffset Since);

    /// <summary>Takes an announcement.</summary>
    /// <returns>whether it says something new</returns>
    public bool Hear(SiloAnnouncement said)
    {
        var now = clock.GetUtcNow();
        var known = silos.GetValueOrDefault(said.Silo);
        if (known is not null && said.Incarnation < known.Said.Incarnation && now - known.At < AnnouncementLife)
            return false;      // later it may be a restart by a clock that was set back
        silos[said.Silo] = new Heard(said, now, known is not null && known.Said.Incarnation == said.Incarnation ? known.Since : now);
        return known?.Said != said;
    }

    /// <summary>Whether every silo had the time to speak up: before, one that was not heard of may be alive.</summary>
    public bool IsComplete => clock.GetUtcNow() - begun >= AnnouncementLife
        || membership.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active).All(member => silos.ContainsKey(member.Name));

    /// <summary>The silos that live, by name.</summary>
    public IReadOnlyList<(SiloAnnouncement Said, DateTimeOffset Since)> Alive()
    {
        var now = clock.GetUtcNow();
        var members = membership.CurrentSnapshot.Members.Values.ToLookup(member => member.Name);
        return [.. silos.Values.Where(silo => now - silo.At < AnnouncementLife && !IsDead(members[silo.Said.Silo])).Select(silo => (silo.Said, silo.Since))];
    }

    // Its membership says so before its announcement is too old. A silo that membership does not know by this name is taken at its word.
    static bool IsDead(IEnumerable<ClusterMember> named)
    {
        var any = false;
        foreach (var member in named)
        {
            if (member.Status is SiloStatus.Active or SiloStatus.Joining or SiloStatus.ShuttingDown)
                return false;
            any = true;
        }
        return any;
    }

    /// <summary>A silo as the queue sees it.</summary>
    public static QueueSilo ForQueue(SiloAnnouncement said, SchedulerRecord record)
        => new(said.Silo, said.Slots, said.Device, said.Leaving ? SiloUse.Leaving
            : record.Cordons.TryGetValue(said.Silo, out var drained) ? drained ? SiloUse.Leaving : SiloUse.Cordoned : SiloUse.Open)
        {
            Quarantined = record.Quarantined.Where(wrong => wrong.Worker.Silo == said.Silo).Select(wrong => wrong.Worker.Slot).ToHashSet(),
        };
}
