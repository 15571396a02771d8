using Orchestrator.Protocol.Coordination;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Orchestrator.Grains.Workers;

/// <summary>Lives on the silo that its key names, and nowhere else.</summary>
[GenerateSerializer, Immutable, SuppressReferenceTracking, Alias("pinned-to-silo")]
sealed class PinnedToSiloPlacement : PlacementStrategy;

/// <summary>Places a grain on the silo that its key names: <c>silo/slot</c>.</summary>
[AttributeUsage(AttributeTargets.Class)]
sealed class PinnedToSiloAttribute() : PlacementAttribute(new PinnedToSiloPlacement());

/// <summary>Finds the silo by its name, which survives a restart; of several with the name the newest counts.</summary>
sealed class PinnedToSiloDirector(IClusterMembershipService membership) : IPlacementDirector
{
    /// <inheritdoc/>
    /// <exception cref="SiloUnavailableException">no active silo has the name</exception>
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var name = WorkerId.Parse(target.GrainIdentity.Key.ToString()!).Silo;
        var compatible = context.GetCompatibleSilos(target);
        SiloAddress? newest = null;
        foreach (var member in membership.CurrentSnapshot.Members.Values)
        {
            if (member.Status == SiloStatus.Active && member.Name == name && compatible.Contains(member.SiloAddress)
                && (newest is null || member.SiloAddress.Generation > newest.Generation))
            {
                newest = member.SiloAddress;
            }
        }
        return newest is not null ? Task.FromResult(newest) : throw new SiloUnavailableException($"the silo '{name}' of this worker is not active");
    }
}
