using System.CommandLine;
using Orchestrator.Cli.Cluster;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Cli.Commands;

/// <summary><c>context</c>: clusters under names, so that <c>--server</c> need not be said.</summary>
sealed class ContextCommand : Command, IVerb
{
    public ContextCommand() : base("context", "Save clusters under names, and say which one is meant.")
    {
        Add(new ContextSetCommand());
        Add(new ContextUseCommand());
        Add(new ContextListCommand());
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Examples { get; } = ["orchestrator context set lab --server http://10.0.0.5:8081,http://10.0.0.6:8081", "orchestrator context use lab", "orchestrator context list"];
}

/// <summary>What the command line of <c>context set</c> says.</summary>
sealed record ContextSetting(string Name, ClusterContext Context);

/// <summary><c>context set</c>: saves a cluster.</summary>
sealed class ContextSetCommand : Verb<ContextSetting>
{
    readonly Argument<string> name = new("NAME") { Description = "What to call the cluster." };
    readonly Option<string> server = new("--server") { HelpName = "URL", Required = true, Description = "A server's gRPC address, or several with commas between." };
    readonly Option<string?> space = new("--namespace", "-n") { HelpName = "NAME", Description = "The jobs' namespace where none is said." };

    public ContextSetCommand() : base("set", "Save a cluster under a name; the first one is meant from then on.")
    {
        Add(name);
        Add(server);
        Add(space);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator context set lab --server http://10.0.0.5:8081"];

    /// <inheritdoc/>
    public override ContextSetting Read(ParseResult parsed)
        => new(JobName.Parse(parsed.GetRequiredValue(name)).Text, new ClusterContext(parsed.GetRequiredValue(server), parsed.GetValue(space)));

    /// <inheritdoc/>
    protected override int Run(ContextSetting request, Output output, CancellationToken stop)
    {
        Connection.Servers(request.Context.Server, "--server");
        var contexts = Contexts.Read(Contexts.File).With(request.Name, request.Context);
        contexts.Write(Contexts.File);
        output.Line(contexts.Current == request.Name ? $"{request.Name} is meant from now on" : $"{request.Name} is saved; `orchestrator context use {request.Name}` makes it the one that is meant");
        return ExitCodes.Done;
    }
}

/// <summary><c>context use</c>: which cluster is meant.</summary>
sealed class ContextUseCommand : Verb<string>
{
    readonly Argument<string> name = new("NAME") { Description = "The cluster." };

    public ContextUseCommand() : base("use", "Say which cluster is meant.") => Add(name);

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator context use lab"];

    /// <inheritdoc/>
    public override string Read(ParseResult parsed) => parsed.GetRequiredValue(name);

    /// <inheritdoc/>
    protected override int Run(string request, Output output, CancellationToken stop)
    {
        Contexts.Read(Contexts.File).Using(request).Write(Contexts.File);
        output.Line($"{request} is meant from now on");
        return ExitCodes.Done;
    }
}

/// <summary><c>context list</c>: the saved clusters.</summary>
sealed class ContextListCommand : Verb<bool>
{
    public ContextListCommand() : base("list", "List the saved clusters.") => Add(Json);

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator context list"];

    /// <inheritdoc/>
    public override bool Read(ParseResult parsed) => true;

    /// <inheritdoc/>
    protected override int Run(bool request, Output output, CancellationToken stop)
    {
        var contexts = Contexts.Read(Contexts.File);
        if (output.IsJson)
        {
            foreach (var (name, context) in contexts.All)
                output.JsonLine(new { Name = name, context.Server, Namespace = context.Space ?? "default", IsCurrent = name == contexts.Current });
        }
        else if (contexts.All.Count == 0)
            output.Line($"no contexts; {Contexts.DefaultServer} is meant");
        else
            output.Table(["name", "server", "namespace", "meant"], contexts.All.Select(one => new[] { one.Key, one.Value.Server, one.Value.Space ?? "default", one.Key == contexts.Current ? "yes" : "" }));
        return ExitCodes.Done;
    }
}
