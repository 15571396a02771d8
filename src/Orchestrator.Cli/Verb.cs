using System.CommandLine;
using Orchestrator.Cli.Cluster;
using Orchestrator.Protocol;

namespace Orchestrator.Cli;

/// <summary>What help shows of a verb beside its options.</summary>
interface IVerb
{
    /// <summary>Command lines that a reader can copy.</summary>
    IReadOnlyList<string> Examples { get; }
}

/// <summary>A verb of the command: what may be asked, how it is parsed and what is done, in one file each. How an end becomes an exit code is here.</summary>
/// <typeparam name="TRequest">what was asked, parsed</typeparam>
abstract class Verb<TRequest> : Command, IVerb
{
    /// <param name="name">the word</param>
    /// <param name="description">one sentence for help</param>
    protected Verb(string name, string description) : base(name, description)
        => SetAction(parsed => End(parsed.GetValue(Json), (output, stop) => Run(Read(parsed), output, stop)));

    /// <inheritdoc/>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>The option <c>--json</c>, of the verbs that add it.</summary>
    protected Option<bool> Json { get; } = new("--json") { Description = "Answer in JSON on standard output, for programs." };

    /// <summary>What the command line asks for.</summary>
    public abstract TRequest Read(ParseResult parsed);

    /// <summary>Does it.</summary>
    /// <returns>an exit code of <see cref="ExitCodes"/></returns>
    protected abstract int Run(TRequest request, Output output, CancellationToken stop);

    static int End(bool json, Func<Output, CancellationToken, int> run)
    {
        var output = Output.OfConsole(json);
        using var interruption = new Interruption(output);
        try
        {
            return run(output, interruption.Token);
        }
        catch (ProblemException e)
        {
            output.Problems(e.Problems);
            return ExitCodes.Mistake;
        }
        catch (RefusedException e)
        {
            foreach (var line in e.Lines)
                output.Error(line);
            return ExitCodes.Mistake;
        }
        catch (NoAnswerException e)
        {
            output.Error(e.Message);
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException) when (interruption.Token.IsCancellationRequested)
        {
            return ExitCodes.Interrupted;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or DirectoryNotFoundException or FileNotFoundException)
        {
            output.Error(e.Message);
            return ExitCodes.Mistake;
        }
#pragma warning disable CA1031 // here the program ends: whatever went wrong is reported
        catch (Exception e)
        {
            output.Failure(e);
            return ExitCodes.Failed;
        }
#pragma warning restore CA1031
    }
}
