using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text;
using Orchestrator.Cli.Commands;

namespace Orchestrator.Cli;

/// <summary>The command <c>orchestrator</c>: its tree of verbs.</summary>
static class Program
{
    static int Main(string[] arguments)
    {
        if (!Console.IsOutputRedirected)
            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        var parsed = Tree().Parse(arguments);
        var configuration = new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false, // Verb knows whose mistake an exception is
            ProcessTerminationTimeout = null,      // Interruption knows what the first and the second Ctrl-C mean
        };
        if (parsed.Action is not ParseErrorAction mistake)
            return parsed.Invoke(configuration);
        mistake.ShowHelp = arguments.Length == 0;
        configuration.Output = Console.Error;
        parsed.Invoke(configuration);
        return ExitCodes.Mistake;
    }

    /// <summary>All verbs.</summary>
    internal static RootCommand Tree()
    {
        RootCommand root = new("Trains LLaMA adapters on any number of workers, to the same bytes.")
        {
            new TrainCommand(),
            new DemoCommand(),
            new ServeCommand(),
            new ValidateCommand(),
            new NewCommand(),
            new SchemaCommand(),
            new GenerateCommand(),
            new ChatCommand(),
            new EvaluateCommand(),
            new InspectCommand(),
            new ExportCommand(),
            new VerifyCommand(),
            new SubmitCommand(),
            new ListCommand(),
            new GetCommand(),
            new WatchCommand(),
            new LogsCommand(),
            new ScaleCommand(),
            new SuspendCommand(),
            new ResumeCommand(),
            new CancelCommand(),
            new DeleteCommand(),
            new DownloadCommand(),
            new WorkersCommand(),
            new DrainCommand(),
            new CordonCommand(),
            new UncordonCommand(),
            new TokenCommand(),
            new ContextCommand(),
            new CompletionCommand(),
        };
        foreach (var argument in root.Subcommands.SelectMany(verb => verb.Subcommands.Append(verb)).SelectMany(verb => verb.Arguments))
            argument.Validators.Add(RefuseUnknownOptions);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    // System.CommandLine takes a mistyped option for an argument: `train --wokers` would look for a spec of that name.
    static void RefuseUnknownOptions(ArgumentResult result)
    {
        foreach (var token in result.Tokens.Where(token => token.Value is ['-', _, ..]))
            result.AddError($"Unrecognized option '{token.Value}'.");
    }
}
