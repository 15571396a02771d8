using Grpc.Core;
using Orchestrator.Api.V1;

namespace Orchestrator.Cli.Cluster;

/// <summary>What a verb says that changes a job: how it is now.</summary>
static class JobAnswer
{
    /// <summary>Asks for the change, and tells what came of it.</summary>
    public static async Task<int> Tell(Connection cluster, Func<CallInvoker, CallOptions, AsyncUnaryCall<Job>> change, Output output, CancellationToken stop)
    {
        var job = await cluster.Ask(change, stop);
        if (output.IsJson)
            output.JsonLine(JobJson.Of(job));
        else
            output.Line(JobText.Line(job));
        return ExitCodes.Done;
    }
}
