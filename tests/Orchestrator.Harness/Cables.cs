using System.Globalization;

namespace Orchestrator.Harness;

/// <summary>
/// A network of a test's own: a namespace for each host, all plugged into one bridge, on which the test's own machine is number 0. A cable that is pulled out drops every packet both ways and tells
/// nobody. Needs root and iproute2.
/// </summary>
public sealed class Cables : IAsyncDisposable
{
    readonly string prefix;
    readonly int hosts;
    readonly int subnet;

    Cables(int hosts) => (this.hosts, prefix, subnet) = (hosts, string.Create(CultureInfo.InvariantCulture, $"orc{Environment.ProcessId % 100_000}"), Environment.ProcessId % 256);

    /// <summary>Whether a test may have such a network.</summary>
    public static bool CanBeLaid => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess && Commands.Has("ip");

    /// <summary>Why a test that needs one is skipped.</summary>
    public const string Missing = "network namespaces need root and iproute2";

    /// <summary>Lays them.</summary>
    public static async Task<Cables> Lay(int hosts)
    {
        var cables = new Cables(hosts);
        try
        {
            await Ip($"link add name {cables.Bridge} type bridge");
            await Ip($"addr add {cables.AddressOf(0)}/24 dev {cables.Bridge}");
            await Ip($"link set {cables.Bridge} up");
            for (var host = 1; host <= hosts; host++)
            {
                var space = cables.SpaceOf(host);
                await Ip($"netns add {space}");
                await Ip($"link add {cables.PlugOf(host)} type veth peer name eth0 netns {space}");
                await Ip($"-n {space} addr add {cables.AddressOf(host)}/24 dev eth0");
                await Ip($"-n {space} link set lo up");
                await Ip($"-n {space} link set eth0 up");
                await Ip($"link set {cables.PlugOf(host)} up");
                await cables.PlugIn(host);
            }
            return cables;
        }
        catch
        {
            await cables.DisposeAsync();
            throw;
        }
    }

    string Bridge => prefix + "b";

    string SpaceOf(int host) => string.Create(CultureInfo.InvariantCulture, $"{prefix}n{host}");

    string PlugOf(int host) => string.Create(CultureInfo.InvariantCulture, $"{prefix}v{host}");

    /// <summary>A host's address; 0 is the test's own machine.</summary>
    public string AddressOf(int host) => string.Create(CultureInfo.InvariantCulture, $"198.18.{subnet}.{(host == 0 ? 254 : host)}");

    /// <summary>The command that runs another one on a host.</summary>
    public string[] On(int host) => ["ip", "netns", "exec", SpaceOf(host)];

    /// <summary>From now on no packet goes to this host or comes from it.</summary>
    public Task PullOut(int host) => Ip($"link set {PlugOf(host)} nomaster");

    /// <summary>Packets go to and fro again.</summary>
    public Task PlugIn(int host) => Ip($"link set {PlugOf(host)} master {Bridge}");

    static Task Ip(string words) => Commands.Run("ip", words.Split(' '));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        for (var host = 1; host <= hosts; host++)
            await Gone($"netns del {SpaceOf(host)}");      // and its cable with it
        await Gone($"link del {Bridge}");
    }

    static async Task Gone(string words)
    {
        try
        {
            await Ip(words);
        }
        catch (InvalidOperationException)
        {
            // it was not laid any more
        }
    }
}
