using System.CommandLine;
using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Protocol;

namespace Orchestrator.Cli.Cluster;

/// <summary>The name of a job on the command line, which a shell may complete by asking the cluster.</summary>
static class JobNames
{
    // A shell that waits for longer is a shell that hangs.
    static readonly TimeSpan within = TimeSpan.FromSeconds(3);

    /// <summary>The argument <c>NAME</c>.</summary>
    public static Argument<string> Argument()
    {
        var argument = new Argument<string>("NAME") { Description = "The job." };
        argument.CompletionSources.Add(_ => Known().Select(name => new System.CommandLine.Completions.CompletionItem(name)));
        return argument;
    }

    static IEnumerable<string> Known()
    {
        try
        {
            var (servers, space) = Contexts.Read(Contexts.File).Meant(null, null, Environment.GetEnvironmentVariable(Contexts.Variable));
            using var cluster = new Connection(servers, space, identity: Identity.OfEnvironment());
            using var patience = new CancellationTokenSource(within);
            return cluster.Ask((way, options) => new Jobs.JobsClient(way).ListAsync(new ListRequest { Namespace = space }, options), patience.Token).GetAwaiter().GetResult().Jobs.Select(job => job.Name);
        }
        catch (Exception e) when (e is NoAnswerException or RefusedException or ProblemException or OperationCanceledException or RpcException)
        {
            return [];      // what cannot be asked is not completed
        }
    }
}
