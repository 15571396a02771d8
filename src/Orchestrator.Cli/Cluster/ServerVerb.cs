using System.CommandLine;

namespace Orchestrator.Cli.Cluster;

/// <summary>What a verb that talks to a cluster was asked, and which cluster.</summary>
/// <param name="Server">what <c>--server</c> says</param>
/// <param name="Space">what <c>--namespace</c> says</param>
/// <param name="What">the rest</param>
sealed record ToCluster<TRequest>(string? Server, string? Space, TRequest What);

/// <summary>A verb that talks to a cluster, and to nothing else of this product but the API's client.</summary>
abstract class ServerVerb<TRequest> : Verb<ToCluster<TRequest>>
{
    readonly Option<string?> server = new("--server") { HelpName = "URL", Description = "The cluster: a server's gRPC address, or several with commas between. Else ORCHESTRATOR_SERVER, the current context, or this machine." };
    readonly Option<string?> space = new("--namespace", "-n") { HelpName = "NAME", Description = "The jobs' namespace." };

    /// <param name="name">the word</param>
    /// <param name="description">one sentence for help</param>
    /// <param name="hasNamespace">whether it is about jobs</param>
    protected ServerVerb(string name, string description, bool hasNamespace = true) : base(name, description)
    {
        Add(server);
        if (hasNamespace)
            Add(space);
        Add(Json);
    }

    /// <summary>What the command line asks for, beside the cluster.</summary>
    protected abstract TRequest ReadRequest(ParseResult parsed);

    /// <inheritdoc/>
    public sealed override ToCluster<TRequest> Read(ParseResult parsed)
        => new(parsed.GetValue(server), Options.Contains(space) ? parsed.GetValue(space) : null, ReadRequest(parsed));

    /// <summary>Does it.</summary>
    /// <returns>an exit code of <see cref="ExitCodes"/></returns>
    protected abstract Task<int> Run(TRequest request, Connection cluster, Output output, CancellationToken stop);

    /// <inheritdoc/>
    protected sealed override int Run(ToCluster<TRequest> request, Output output, CancellationToken stop)
    {
        var (servers, meant) = Contexts.Read(Contexts.File).Meant(request.Server, request.Space, Environment.GetEnvironmentVariable(Contexts.Variable));
        using var cluster = new Connection(servers, meant, identity: Identity.OfEnvironment());
        return Run(request.What, cluster, output, stop).GetAwaiter().GetResult();
    }
}

/// <summary>A verb about one job.</summary>
abstract class JobVerb : ServerVerb<string>
{
    readonly Argument<string> job = JobNames.Argument();

    /// <param name="name">the word</param>
    /// <param name="description">one sentence for help</param>
    protected JobVerb(string name, string description) : base(name, description) => Add(job);

    /// <inheritdoc/>
    protected sealed override string ReadRequest(ParseResult parsed) => parsed.GetRequiredValue(job);
}
