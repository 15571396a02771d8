using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Orchestrator.Harness;

/// <summary>An authority of a test's own, and the certificates that it gives.</summary>
public sealed class TestAuthority : IDisposable
{
    const string ForServers = "1.3.6.1.5.5.7.3.1";
    const string ForClients = "1.3.6.1.5.5.7.3.2";

    readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    readonly X509Certificate2 certificate;

    public TestAuthority()
    {
        var request = new CertificateRequest("CN=an authority of a test", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(30));
    }

    /// <summary>Its own certificate.</summary>
    public string Pem => certificate.ExportCertificatePem();

    /// <summary>A certificate and its key in PEM, for the name and for 127.0.0.1.</summary>
    /// <param name="name">its DNS name</param>
    /// <param name="from">days from now on that it begins</param>
    /// <param name="to">days from now on that it ends</param>
    /// <param name="isForClients">whether it is for clients too</param>
    public (string Certificate, string Key) Give(string name, int from = -1, int to = 10, bool isForClients = true)
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", own, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(isForClients ? [new Oid(ForServers), new Oid(ForClients)] : [new Oid(ForServers)], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var given = request.Create(certificate, DateTimeOffset.UtcNow.AddDays(from), DateTimeOffset.UtcNow.AddDays(to), RandomNumberGenerator.GetBytes(8));
        return (given.ExportCertificatePem(), own.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>The same as one that can be shown.</summary>
    public X509Certificate2 Shown(string name, int from = -1, int to = 10, bool isForClients = true)
    {
        var (given, own) = Give(name, from, to, isForClients);
        using var both = X509Certificate2.CreateFromPem(given, own);
        return X509CertificateLoader.LoadPkcs12(both.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>Trusts its certificates, and no other.</summary>
    public SslClientAuthenticationOptions Trusting(X509Certificate2? showing = null)
    {
        var tls = new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        tls.CertificateChainPolicy.CustomTrustStore.Add(certificate);
        if (showing is not null)
            tls.ClientCertificates = [showing];
        return tls;
    }

    /// <summary>Writes what a server of the name needs, and answers with the variables that say where.</summary>
    public Dictionary<string, string> Equip(string folder, string name, (string Certificate, string Key)? with = null)
    {
        Directory.CreateDirectory(folder);
        var (given, own) = with ?? Give(name);
        (string Setting, string File, string Text)[] files =
        [
            ("CERTIFICATE", "tls.crt", given), ("KEY", "tls.key", own), ("AUTHORITY", "ca.crt", Pem),
        ];
        foreach (var (_, file, text) in files)
            File.WriteAllText(Path.Combine(folder, file), text);
        return files.ToDictionary(one => $"ORCHESTRATOR_SECURITY__{one.Setting}", one => Path.Combine(folder, one.File)).Append(KeyValuePair.Create("ORCHESTRATOR_SECURITY__PEERNAME", name)).ToDictionary();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        certificate.Dispose();
        key.Dispose();
    }
}
