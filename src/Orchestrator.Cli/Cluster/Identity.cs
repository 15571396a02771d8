using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Orchestrator.Protocol;

namespace Orchestrator.Cli.Cluster;

/// <summary>Who the user is to a cluster, and by whom he knows it.</summary>
/// <param name="Token">what he brings; null where the cluster asks nobody</param>
/// <param name="Authorities">whose certificates its servers have; null are those that this machine trusts</param>
sealed record Identity(string? Token, X509Certificate2Collection? Authorities)
{
    /// <summary>The variable with the token.</summary>
    public const string TokenVariable = "ORCHESTRATOR_TOKEN";

    /// <summary>The variable with a PEM file of authorities.</summary>
    public const string AuthorityVariable = "ORCHESTRATOR_AUTHORITY";

    /// <summary>Nobody, who trusts whom the machine trusts.</summary>
    public static Identity None { get; } = new(null, null);

    /// <summary>What the environment says.</summary>
    /// <exception cref="ProblemException">the authorities' file cannot be used</exception>
    public static Identity OfEnvironment()
    {
        var token = Environment.GetEnvironmentVariable(TokenVariable)?.Trim();
        var authority = Environment.GetEnvironmentVariable(AuthorityVariable);
        return new(token is { Length: > 0 } ? token : null, authority is { Length: > 0 } ? Read(authority) : null);
    }

    /// <exception cref="ProblemException">the token would go there in clear text</exception>
    public void Check(Uri server)
    {
        if (Token is not null && server.Scheme != Uri.UriSchemeHttps && !server.IsLoopback)
            throw new ProblemException(TokenVariable, $"a token, and {server}", "an address that begins with https://", "in clear text everybody on the way could take the token");
    }

    /// <summary>What a connection asks of a server's certificate.</summary>
    public SslClientAuthenticationOptions Tls()
    {
        var tls = new SslClientAuthenticationOptions();
        if (Authorities is null)
            return tls;
        tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        tls.CertificateChainPolicy.CustomTrustStore.AddRange(Authorities);
        return tls;
    }

    static X509Certificate2Collection Read(string file)
    {
        try
        {
            X509Certificate2Collection authorities = [];
            authorities.ImportFromPemFile(file);
            return authorities.Count > 0 ? authorities : throw new CryptographicException("no certificate is in it");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new ProblemException(AuthorityVariable, $"{file}: {e.Message}", "a PEM file with the authority's certificate");
        }
    }
}
