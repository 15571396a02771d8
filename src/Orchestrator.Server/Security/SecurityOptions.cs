using System.ComponentModel.DataAnnotations;

namespace Orchestrator.Server.Security;

/// <summary>
/// Who may talk to a server. With a certificate all five ports speak TLS, the exchange and Orleans in both directions with servers of <see cref="PeerName"/> only, and whoever calls the API brings a
/// token. Without any of this a server asks nobody who he is, and listens on loopback only.
/// </summary>
public sealed record SecurityOptions
{
    /// <summary>Whether the server may listen beyond loopback without TLS and authentication: whoever reaches it can do anything. False by default.</summary>
    public bool Insecure { get; init; }

    /// <summary>A PEM file with the server's certificate, and those between it and the authority. It is for servers and clients both, and has <see cref="PeerName"/> among its names. Read again when it changes.</summary>
    public string? Certificate { get; init; }

    /// <summary>A PEM file with the certificate's key, not encrypted.</summary>
    public string? Key { get; init; }

    /// <summary>A PEM file with the authorities whose certificates servers of the cluster have; no other, not even the system's, is trusted.</summary>
    public string? Authority { get; init; }

    /// <summary>The DNS name that the certificates of all servers of the cluster have in common, and nobody else's.</summary>
    public string? PeerName { get; init; }

    /// <summary>A file with the token of an administrator of all namespaces, of 16 characters or more; read at the start. It makes the first tokens.</summary>
    public string? AdminToken { get; init; }

    /// <summary>Tokens of an OpenID Connect issuer.</summary>
    public OidcOptions Oidc { get; init; } = new();

    /// <summary>Connections that a port has open at once; further ones are closed. 16 to 1,000,000, 10,000 by default.</summary>
    [Range(16, 1_000_000)]
    public int ConnectionsMax { get; init; } = 10_000;

    /// <summary>Whether what is sent is encrypted and servers know each other.</summary>
    internal bool IsEncrypted => IsSaid(Certificate) || IsSaid(Key) || IsSaid(Authority) || IsSaid(PeerName);

    /// <summary>Whether callers of the API must say who they are.</summary>
    internal bool IsAsking => IsEncrypted || IsSaid(AdminToken) || Oidc.IsUsed;

    /// <summary>Whether what is sent is encrypted and whoever sends it has shown who it is.</summary>
    internal bool IsSecured => IsEncrypted && IsAsking;

    static bool IsSaid(string? text) => text is { Length: > 0 };
}

/// <summary>Tokens of an OpenID Connect issuer: JSON web tokens that it has signed.</summary>
public sealed record OidcOptions
{
    /// <summary>The issuer; its keys are found through <c>/.well-known/openid-configuration</c>. <c>https://…</c>, or <c>http://</c> on loopback. None by default.</summary>
    public Uri? Issuer { get; init; }

    /// <summary>Whom a token must be for.</summary>
    public string? Audience { get; init; }

    /// <summary>The claim with the bearer's roles, each <c>NAMESPACE:ROLE</c> or <c>*:ROLE</c>; <c>roles</c> by default.</summary>
    [MinLength(1, ErrorMessage = "a claim's name")]
    public string RolesClaim { get; init; } = "roles";

    /// <summary>Whether there is one.</summary>
    internal bool IsUsed => Issuer is not null;
}
