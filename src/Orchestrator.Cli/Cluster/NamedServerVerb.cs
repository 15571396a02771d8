using System.CommandLine;
using Grpc.Core;
using Orchestrator.Api.V1;

namespace Orchestrator.Cli.Cluster;

/// <summary>A verb about one server.</summary>
abstract class NamedServerVerb : ServerVerb<string>
{
    readonly Argument<string> name = new("SERVER") { Description = "The server, by the name that workers shows." };

    /// <param name="word">the word</param>
    /// <param name="description">one sentence for help</param>
    protected NamedServerVerb(string word, string description) : base(word, description, hasNamespace: false) => Add(name);

    /// <inheritdoc/>
    protected sealed override string ReadRequest(ParseResult parsed) => parsed.GetRequiredValue(name);

    /// <summary>Asks a server to be marked.</summary>
    protected abstract AsyncUnaryCall<Api.V1.Server> Mark(Workers.WorkersClient workers, ServerRequest request, CallOptions options);

    /// <inheritdoc/>
    protected sealed override async Task<int> Run(string request, Connection cluster, Output output, CancellationToken stop)
    {
        ServerText.Tell([await cluster.Ask((way, options) => Mark(new Workers.WorkersClient(way), new ServerRequest { Server = request }, options), stop)], output);
        return ExitCodes.Done;
    }
}
