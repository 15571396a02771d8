using System.Security.Cryptography.X509Certificates;
using Orchestrator.Harness;
using Orchestrator.Protocol;
using Orchestrator.Server.Security;

namespace Orchestrator.Server.Tests.Security;

/// <summary>Whom a server takes for a server of its cluster, and when it reads its certificate again.</summary>
public sealed class CredentialsTests : IDisposable
{
    const string Name = "orchestrator.test";

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-credentials-");
    readonly TestAuthority authority = new();
    readonly TestAuthority another = new();
    readonly HandClock clock = new();

    public void Dispose()
    {
        authority.Dispose();
        another.Dispose();
        folder.Delete(recursive: true);
    }

    string Place(string name) => Path.Combine(folder.FullName, name);

    Credentials Of((string Certificate, string Key)? with = null)
    {
        authority.Equip(folder.FullName, Name, with);
        return new Credentials(new SecurityOptions { Certificate = Place("tls.crt"), Key = Place("tls.key"), Authority = Place("ca.crt"), PeerName = Name }, clock);
    }

    [Fact]
    public void A_peer_has_the_authority_the_name_the_time_and_both_usages()
    {
        var credentials = Of();
        Assert.True(Takes(authority.Shown(Name)));
        Assert.False(Takes(another.Shown(Name)), "another authority's");
        Assert.False(Takes(authority.Shown("elsewhere.test")), "another name");
        Assert.False(Takes(authority.Shown("a." + Name)), "a name below");
        Assert.False(Takes(authority.Shown(Name, from: -10, to: -1)), "expired");
        Assert.False(Takes(authority.Shown(Name, from: 1, to: 2)), "not yet");
        Assert.False(Takes(authority.Shown(Name, isForClients: false)), "for servers only");
        Assert.False(credentials.IsPeer(null, null), "none");

        bool Takes(X509Certificate2 shown)
        {
            using (shown)
                return credentials.IsPeer(shown, null);
        }
    }

    [Fact]
    public void A_certificate_that_was_renewed_is_used_without_a_restart_and_half_of_one_is_not()
    {
        var credentials = Of();
        var first = credentials.Certificate.Thumbprint;
        var (certificate, key) = authority.Give(Name);
        File.WriteAllText(Place("tls.crt"), certificate);
        clock.Pass(TimeSpan.FromSeconds(2));
        Assert.Equal(first, credentials.Certificate.Thumbprint);      // the key is the old one still
        File.WriteAllText(Place("tls.key"), key);
        clock.Pass(TimeSpan.FromSeconds(2));
        using var renewed = X509Certificate2.CreateFromPem(certificate);
        Assert.Equal(renewed.Thumbprint, credentials.Certificate.Thumbprint);
    }

    [Fact]
    public void An_authority_that_was_replaced_is_the_one_that_counts()
    {
        var credentials = Of();
        using var peer = another.Shown(Name);
        Assert.False(credentials.IsPeer(peer, null));
        File.WriteAllText(Place("ca.crt"), authority.Pem + "\n" + another.Pem);      // both, while certificates are replaced
        clock.Pass(TimeSpan.FromSeconds(2));
        Assert.True(credentials.IsPeer(peer, null));
    }

    [Fact]
    public void What_is_missing_or_would_be_refused_by_peers_is_told_at_the_start()
    {
        var missing = Assert.Throws<ProblemException>(() => new Credentials(new SecurityOptions { Certificate = "x" }, clock));
        Assert.Equal(["Security:Key", "Security:Authority", "Security:PeerName"], missing.Problems.Select(one => one.Place));
        Assert.Contains("that peers would refuse", Assert.Throws<ProblemException>(() => Of(authority.Give(Name, from: -10, to: -1))).Message, StringComparison.Ordinal);
        Assert.Contains("that peers would refuse", Assert.Throws<ProblemException>(() => Of(another.Give(Name))).Message, StringComparison.Ordinal);
        Assert.Contains("cannot be used", Assert.Throws<ProblemException>(() => Of(("nonsense", "nonsense"))).Message, StringComparison.Ordinal);
    }

    sealed class HandClock : TimeProvider
    {
        long now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now;

        public void Pass(TimeSpan time) => now += time.Ticks;
    }
}
