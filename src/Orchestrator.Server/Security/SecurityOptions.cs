namespace Orchestrator.Server.Security;

/// <summary>Who may talk to a server.</summary>
public sealed record SecurityOptions
{
    /// <summary>Whether the server may listen beyond loopback without TLS and authentication: whoever reaches it can do anything. False by default.</summary>
    public bool Insecure { get; init; }

    /// <summary>Whether what is sent is encrypted and whoever sends it has shown who it is.</summary>
    internal static bool IsSecured => false;      // there is neither TLS nor authentication yet: beyond loopback only Insecure lets a server start
}
