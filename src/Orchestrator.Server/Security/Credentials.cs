using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Security;

/// <summary>
/// What a server shows of itself, and whom it takes for a server of its cluster: one whose certificate is of the cluster's authority, in its time, for servers and clients both, and has the name that
/// they all have. Files that have changed are read again before the next handshake; connections that are open stay.
/// </summary>
sealed partial class Credentials
{
    static readonly TimeSpan lookAgainAfter = TimeSpan.FromSeconds(1);
    static readonly Oid[] usages = [new("1.3.6.1.5.5.7.3.1"), new("1.3.6.1.5.5.7.3.2")];      // servers and clients: every server is both

    readonly Lock gate = new();
    readonly SecurityOptions options;
    readonly TimeProvider clock;
    ILogger log = NullLogger.Instance;
    Loaded current;
    long looked;

    /// <exception cref="ProblemException">one of the four settings is missing, or a file cannot be used</exception>
    public Credentials(SecurityOptions options, TimeProvider clock)
    {
        (string Name, string? Value, string Expected)[] needed =
        [
            (nameof(options.Certificate), options.Certificate, "a PEM file"), (nameof(options.Key), options.Key, "a PEM file"), (nameof(options.Authority), options.Authority, "a PEM file"),
            (nameof(options.PeerName), options.PeerName, "the DNS name that the certificates of all servers have in common"),
        ];
        List<Problem> missing = [.. needed.Where(one => one.Value is not { Length: > 0 }).Select(one => new Problem($"Security:{one.Name}", "nothing", one.Expected, "TLS needs certificate, key, authority and peer name"))];
        if (missing.Count > 0)
            throw new ProblemException(missing);
        (this.options, this.clock, PeerName) = (options, clock, options.PeerName!);
        current = Load(Read());
        if (!IsPeer(current.Certificate, null))
            throw new ProblemException("Security:Certificate", $"{options.Certificate} that peers would refuse",
                $"one of the authority in {options.Authority}, in its time, for servers and clients, with the name {PeerName}", "other servers hold it against the same");
        looked = clock.GetTimestamp();
    }

    /// <summary>The name that the certificates of all servers have.</summary>
    public string PeerName { get; }

    /// <summary>Tells a log of new certificates from now on.</summary>
    public void TellOf(ILogger renewals) => log = renewals;

    /// <summary>The server's certificate of now.</summary>
    public X509Certificate2 Certificate => Current().Certificate;

    /// <summary>Until when it is valid, and until when the authority that gave it is, in seconds since 1970.</summary>
    public (double Server, double Authority) Expiry
    {
        get
        {
            var now = Current();
            var own = now.Authorities.Where(authority => IsOf(authority, now.Certificate, now.Between)).Select(SecondsOf).DefaultIfEmpty(SecondsOf(now.Certificate)).Max();
            return (SecondsOf(now.Certificate), own);
        }
    }

    static double SecondsOf(X509Certificate2 certificate) => new DateTimeOffset(certificate.NotAfter).ToUnixTimeSeconds();

    /// <summary>For a connection to another server.</summary>
    public SslClientAuthenticationOptions ToPeer() => new()
    {
        TargetHost = PeerName,
        ClientCertificateContext = Current().Context,
        RemoteCertificateValidationCallback = (_, certificate, chain, _) => IsPeer(certificate, chain),
        AllowTlsResume = false,      // who resumes is not looked at again
    };

    /// <summary>For a connection that comes in.</summary>
    /// <param name="isForPeers">whether only servers of the cluster may</param>
    public SslServerAuthenticationOptions Incoming(bool isForPeers)
    {
        var incoming = new SslServerAuthenticationOptions { ServerCertificateContext = Current().Context, ClientCertificateRequired = isForPeers, AllowTlsResume = !isForPeers };
        if (isForPeers)
            incoming.RemoteCertificateValidationCallback = (_, certificate, chain, _) => IsPeer(certificate, chain);
        return incoming;
    }

    /// <summary>Whether this is a server of the cluster.</summary>
    /// <param name="shown">its certificate; null where it shows none</param>
    /// <param name="sent">the chain with what it sent beside</param>
    public bool IsPeer(X509Certificate? shown, X509Chain? sent)
    {
        if (shown is null)
            return false;
        using var copy = shown is X509Certificate2 ? null : X509CertificateLoader.LoadCertificate(shown.GetRawCertData());
        var certificate = copy ?? (X509Certificate2)shown;
        var now = Current();
        return certificate.MatchesHostname(PeerName, allowWildcards: false, allowCommonName: false)
            && now.Authorities.Any(authority => IsOf(authority, certificate, [.. now.Between, .. sent?.ChainPolicy.ExtraStore ?? []]));      // Orleans sends the certificate alone
    }

    // One authority at a time: an old and a new one may have the same name, and the chain's builder takes the first.
    static bool IsOf(X509Certificate2 authority, X509Certificate2 certificate, X509Certificate2Collection between)
    {
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        (policy.TrustMode, policy.RevocationMode, policy.DisableCertificateDownloads) = (X509ChainTrustMode.CustomRootTrust, X509RevocationMode.NoCheck, true);
        policy.CustomTrustStore.Add(authority);
        policy.ExtraStore.AddRange(between);
        foreach (var usage in usages)
            policy.ApplicationPolicy.Add(usage);
        return chain.Build(certificate);
    }

    Loaded Current()
    {
        lock (gate)
        {
            if (clock.GetElapsedTime(looked) < lookAgainAfter)
                return current;
            looked = clock.GetTimestamp();
            try
            {
                var read = Read();
                if (!read.SequenceEqual(current.Files))
                {
                    current = Load(read);
                    var end = current.Certificate.NotAfter.ToUniversalTime();
                    LogRenewed(end);
                }
            }
            catch (ProblemException e)      // half of it was replaced, perhaps: what there was holds until the rest is there too
            {
                LogUnusable(e.Message);
            }
            return current;
        }
    }

    string[] Read() => [Text(options.Certificate!, nameof(options.Certificate)), Text(options.Key!, nameof(options.Key)), Text(options.Authority!, nameof(options.Authority))];

    static string Text(string file, string setting)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException($"Security:{setting}", e.Message, "a PEM file that can be read");
        }
    }

    Loaded Load(string[] files)
    {
        try
        {
            var certificate = X509Certificate2.CreateFromPem(files[0], files[1]);
            if (OperatingSystem.IsWindows())      // its TLS takes no key that is in memory only
                certificate = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
            X509Certificate2Collection all = [], authorities = [];
            all.ImportFromPem(files[0]);
            authorities.ImportFromPem(files[2]);
            X509Certificate2Collection between = [.. all.Skip(1)];
            return authorities.Count > 0 ? new Loaded(files, certificate, SslStreamCertificateContext.Create(certificate, between, offline: true), between, authorities)
                : throw new ProblemException("Security:Authority", $"no certificate in {options.Authority}", "a PEM file with the authority's");
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new ProblemException("Security", $"{options.Certificate}, {options.Key} or {options.Authority} cannot be used ({e.Message})", "a certificate, its key and its authority in PEM");
        }
    }

    sealed record Loaded(string[] Files, X509Certificate2 Certificate, SslStreamCertificateContext Context, X509Certificate2Collection Between, X509Certificate2Collection Authorities);

    [LoggerMessage(EventName = "CertificateRenewed", Level = LogLevel.Information, Message = "a new certificate is used from now on, until {End:u}")]
    partial void LogRenewed(DateTime end);

    [LoggerMessage(EventName = "CertificateUnusable", Level = LogLevel.Warning, Message = "the certificate's files have changed and cannot be used, the one before is: {Reason}")]
    partial void LogUnusable(string reason);
}
