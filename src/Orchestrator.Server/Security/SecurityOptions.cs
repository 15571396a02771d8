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

    /// <summary>Tokens of Kubernetes service accounts.</summary>
    public KubernetesOptions Kubernetes { get; init; } = new();

    /// <summary>Whether what is sent is encrypted and servers know each other.</summary>
    internal bool IsEncrypted => IsSaid(Certificate) || IsSaid(Key) || IsSaid(Authority) || IsSaid(PeerName);

    /// <summary>Whether callers of the API must say who they are.</summary>
    internal bool IsAsking => IsEncrypted || IsSaid(AdminToken) || Oidc.IsUsed || Kubernetes.ServiceAccounts;

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

/// <summary>
/// Tokens of Kubernetes service accounts, which the cluster's API server is asked about (TokenReview; the server's own account needs the right to create them). An account has its role in the
/// namespace that is named as its own.
/// </summary>
public sealed record KubernetesOptions
{
    /// <summary>Whether such tokens are taken. False by default.</summary>
    public bool ServiceAccounts { get; init; }

    /// <summary>Whom a token must have been made for, as in <c>kubectl create token --audience</c> or a projected volume; <c>orchestrator</c> by default. The one that every pod has is for the API server, and not taken.</summary>
    [MinLength(1, ErrorMessage = "an audience")]
    public string Audience { get; init; } = "orchestrator";

    /// <summary>The role of an account in its namespace: <c>viewer</c>, <c>editor</c> or <c>admin</c>; <c>editor</c> by default.</summary>
    [RegularExpression("viewer|editor|admin", ErrorMessage = "viewer, editor or admin")]
    public string Role { get; init; } = "editor";

    /// <summary>A kubeconfig that says where the API server is; by default the server is a pod, and has been told.</summary>
    public string? Config { get; init; }
}
