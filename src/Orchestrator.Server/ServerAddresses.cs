using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Orchestrator.Protocol;

namespace Orchestrator.Server;

/// <summary>Where a server listens, and where others find it: five ports in a row.</summary>
/// <param name="Listen">the address it listens on</param>
/// <param name="Host">the address or name others use</param>
/// <param name="Address">the address behind <paramref name="Host"/></param>
/// <param name="First">the first port</param>
sealed record ServerAddresses(IPAddress Listen, string Host, IPAddress Address, int First)
{
    /// <summary><c>https</c> where the ports speak TLS.</summary>
    public string Scheme { get; init; } = Uri.UriSchemeHttp;

    /// <summary>HTTP/1.1 (and HTTP/2 with TLS): REST, health, metrics.</summary>
    public int Http => First;

    /// <summary>gRPC: the public API.</summary>
    public int Api => First + 1;

    /// <summary>gRPC: gradients and states between processes.</summary>
    public int Exchange => First + 2;

    /// <summary>Orleans, silo to silo.</summary>
    public int Silo => First + 3;

    /// <summary>Orleans' gateway.</summary>
    public int Gateway => First + 4;

    /// <summary>Where other processes' exchanges find this one.</summary>
    public Uri ExchangeUri => new UriBuilder(Scheme, Host, Exchange).Uri;

    /// <summary>Where a server of these settings listens.</summary>
    /// <exception cref="ProblemException">an address is none, or this machine has none that others could use</exception>
    public static ServerAddresses Of(ServerOptions options)
    {
        if (!TryParse(options.Listen, out var listen))
            throw new ProblemException("--listen", options.Listen, "an address of this machine", "0.0.0.0 listens on every one");
        var host = options.Advertise ?? (IsEveryAddress(listen) ? FirstOfMachine()?.ToString() : listen.ToString())
            ?? throw new ProblemException("--advertise", "nothing, and no address beyond loopback on this machine", "the address by which others reach it");
        return new ServerAddresses(listen, host, Resolve(host), options.Ports) { Scheme = options.Security.IsEncrypted ? Uri.UriSchemeHttps : Uri.UriSchemeHttp };
    }

    /// <summary>Makes sure that nobody else has the ports.</summary>
    /// <exception cref="ProblemException">with each that is taken</exception>
    public void DemandFree()
    {
        (int Port, string Purpose)[] all = [(Http, "HTTP"), (Api, "gRPC"), (Exchange, "exchange"), (Silo, "silo"), (Gateway, "gateway")];
        List<Problem> taken = [];
        foreach (var (port, purpose) in all)
        {
            try
            {
                using var probe = new TcpListener(Listen, port);
                probe.Start();
            }
            catch (SocketException e)
            {
                taken.Add(new Problem("--ports", $"{Listen}:{port} for {purpose}: {e.Message}", $"five free ports from {First} on", "stop what has it, or choose another --ports"));
            }
        }
        if (taken.Count > 0)
            throw new ProblemException(taken);
    }

    static bool TryParse(string text, out IPAddress address)
    {
        address = IPAddress.Loopback;
        return text == "localhost" || IPAddress.TryParse(text, out address!);
    }

    static bool IsEveryAddress(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    static IPAddress? FirstOfMachine()
        => NetworkInterface.GetAllNetworkInterfaces()
            .Where(network => network.OperationalStatus == OperationalStatus.Up && network.NetworkInterfaceType != NetworkInterfaceType.Loopback)
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Select(address => address.Address)
            .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork);

    static IPAddress Resolve(string host)
    {
        if (IPAddress.TryParse(host, out var address))
            return address;
        try
        {
            var all = Dns.GetHostAddresses(host);
            return all.FirstOrDefault(one => one.AddressFamily == AddressFamily.InterNetwork) ?? all[0];
        }
        catch (Exception e) when (e is SocketException or ArgumentException or IndexOutOfRangeException)
        {
            throw new ProblemException("--advertise", $"{host}, which has no address ({e.Message})", "an address or name by which others reach this server");
        }
    }
}
