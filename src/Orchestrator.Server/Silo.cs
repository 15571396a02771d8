using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using Orchestrator.Grains;
using Orchestrator.Server.Database;
using Orleans.Configuration;

namespace Orchestrator.Server;

/// <summary>The server as a member of its cluster.</summary>
static class Silo
{
    static readonly TimeSpan tableRefresh = TimeSpan.FromSeconds(5);

    /// <summary>Adds the silo.</summary>
    public static void AddSilo(this WebApplicationBuilder builder, ServerOptions options, ServerAddresses addresses, IServerDatabase database)
        => builder.UseOrleans(silo =>
        {
            database.AddTo(silo);
            silo.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Cluster, options.Cluster));
            silo.Configure<SiloOptions>(member => member.SiloName = options.Name);
            silo.Configure<EndpointOptions>(endpoint =>
            {
                (endpoint.AdvertisedIPAddress, endpoint.SiloPort, endpoint.GatewayPort) = (addresses.Address, addresses.Silo, addresses.Gateway);
                endpoint.SiloListeningEndpoint = new IPEndPoint(addresses.Listen, addresses.Silo);
                endpoint.GatewayListeningEndpoint = new IPEndPoint(addresses.Listen, addresses.Gateway);
            });
            KnowWhoLives(silo, options.Membership);
            silo.AddTrainingGrains();
            silo.AddObservability(options.Observability);
        });

    // A hang is noticed after MaxProbeTimeout times the missed probes, so the two timeouts are one. With Orleans' own directory the death of one silo ends healthy grains on the others
    // (36 of 64, measured with three silos); the distributed one leaves them alone.
    static void KnowWhoLives(ISiloBuilder silo, MembershipOptions membership)
    {
        silo.Configure<ClusterMembershipOptions>(options =>
        {
            (options.ProbeTimeout, options.MaxProbeTimeout, options.NumMissedProbesLimit) = (membership.Probe, membership.Probe, membership.MissedProbes);
            (options.TableRefreshTimeout, options.IAmAliveTablePublishTimeout) = (tableRefresh, tableRefresh);
            options.EvictWhenMaxJoinAttemptTimeExceeded = false;      // by the clock of another: one that is an hour ahead would evict whoever joins
        });
#pragma warning disable ORLEANSEXP003 // experimental in name; see above for what the stable one does
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        silo.Configure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = membership.DirectoryLease);
    }
}
