using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using Orchestrator.Grains;
using Orchestrator.Server.Database;
using Orchestrator.Server.Security;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace Orchestrator.Server;

/// <summary>The server as a member of its cluster.</summary>
static class Silo
{
    static readonly TimeSpan tableRefresh = TimeSpan.FromSeconds(5);

    /// <summary>Adds the silo.</summary>
    public static void AddSilo(this WebApplicationBuilder builder, ServerOptions options, ServerAddresses addresses, IServerDatabase database, Credentials? credentials)
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
            if (credentials is not null)
                Encrypt(silo, credentials);
            KnowWhoLives(silo, options.Membership);
            silo.AddTrainingGrains();
            silo.AddObservability(options.Observability);
        });

    // Silo and gateway: whoever gets in may call any grain, so it is servers of the cluster only.
    static void Encrypt(ISiloBuilder silo, Credentials credentials)
        => silo.UseTls(tls =>
        {
            (tls.RemoteCertificateMode, tls.ClientCertificateMode) = (RemoteCertificateMode.RequireCertificate, RemoteCertificateMode.RequireCertificate);
            tls.LocalCertificate = credentials.Certificate;      // of now; the two below ask for that of the moment
            tls.LocalServerCertificateSelector = (_, _) => credentials.Certificate;
            tls.LocalClientCertificateSelector = (_, _, _, _, _) => credentials.Certificate;
            tls.RemoteCertificateValidation = (certificate, chain, _) => credentials.IsPeer(certificate, chain);
            tls.OnAuthenticateAsClient = (_, client) => client.TargetHost = credentials.PeerName;      // peers are dialled by address
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
