using System.Globalization;
using Orchestrator.Engine;

namespace Orchestrator.Server;

/// <summary>What a server has to compute with.</summary>
/// <param name="Slots">how many workers</param>
/// <param name="Device">what they compute on: two servers with the same text give the same bits</param>
sealed record LocalWorkers(int Slots, string Device)
{
    /// <summary>What this machine has. Loads libtorch, unless the server is to have no worker.</summary>
    public static LocalWorkers Of(ServerOptions options)
        => options.Workers == "0" ? new LocalWorkers(0, "none") : new LocalWorkers(SlotsOf(options.Workers), ComputeDevice.DescribeProcess());

    // A base is shared by all workers of a process, so that memory seldom bounds them before cores do.
    static int SlotsOf(string workers)
        => workers != "auto" ? int.Parse(workers, CultureInfo.InvariantCulture)
            : ComputeDevice.Gpus is > 0 and var gpus ? gpus
            : Environment.ProcessorCount;
}
