using System.Net;
using Microsoft.Extensions.Logging;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Security;

/// <summary>A server that others can reach is secured, or somebody has said that it need not be.</summary>
static partial class Exposure
{
    /// <summary>What is wrong with where a server listens; null if nothing is.</summary>
    public static Problem? Of(IPAddress listen, SecurityOptions security)
        => IPAddress.IsLoopback(listen) || security.IsSecured || security.Insecure ? null
            : new Problem("--listen", $"{listen} without TLS and authentication", "loopback", "give it a certificate (Security:Certificate, Key, Authority, PeerName), or, where whoever reaches the ports may do anything, say --insecure");

    /// <summary>Shouts where anybody may do anything.</summary>
    public static void Warn(IPAddress listen, SecurityOptions security, ILogger log)
    {
        if (!IPAddress.IsLoopback(listen) && !security.IsSecured)
            LogInsecure(log, listen);
    }

    [LoggerMessage(EventName = "Insecure", Level = LogLevel.Warning,
        Message = "INSECURE: whoever reaches {Address} can submit, read and delete jobs, and join the cluster. There is no TLS (--insecure)")]
    static partial void LogInsecure(ILogger log, IPAddress address);
}
