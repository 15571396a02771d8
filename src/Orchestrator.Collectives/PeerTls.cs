using System.Net.Security;

namespace Orchestrator.Collectives;

/// <summary>How this process shows peers who it is, and knows them; without it, what goes to them is in clear text.</summary>
/// <param name="Options">for a connection that begins now; asked for each, so that certificates may be renewed</param>
public sealed record PeerTls(Func<SslClientAuthenticationOptions> Options)
{
    /// <summary>The way to one peer.</summary>
    internal static SocketsHttpHandler Handler(PeerTls? tls, ExchangeOptions options)
    {
        var handler = new SocketsHttpHandler { UseProxy = false, ConnectTimeout = options.JoinTimeout };
        if (tls is not null)
            handler.SslOptions = tls.Options();
        return handler;
    }
}
