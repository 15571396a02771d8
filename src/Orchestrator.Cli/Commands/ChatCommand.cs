using System.CommandLine;
using System.Text;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Generation;

namespace Orchestrator.Cli.Commands;

/// <summary>What the command line of <c>chat</c> says.</summary>
/// <param name="Model">base and adapter</param>
/// <param name="Sampling">how tokens are drawn; its context bounds the history</param>
sealed record ChatRequest(ModelRequest Model, GenerationOptions Sampling);

/// <summary><c>chat</c>: instructions and answers in turns, the earlier ones before the eyes of the model.</summary>
sealed class ChatCommand : Verb<ChatRequest>
{
    readonly ModelOptions model = new();
    readonly SamplingOptions sampling = new();
    readonly Option<int?> context = new("--context") { HelpName = "N", Description = "Most tokens of history and answer together; the oldest turns go first. 2048 by default." };

    public ChatCommand() : base("chat", "Talk to a model; /reset forgets, /quit ends.")
    {
        model.AddTo(this);
        sampling.AddTo(this);
        Add(context);
        context.Validators.Add(OptionRange.Of(context, 64, 1 << 20));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator chat --model models/llama-7b --adapter runs/alpaca-7b"];

    /// <inheritdoc/>
    public override ChatRequest Read(ParseResult parsed) => new(model.Read(parsed), sampling.Read(parsed) with { Context = parsed.GetValue(context) ?? 2048 });

    /// <inheritdoc/>
    protected override int Run(ChatRequest request, Output output, CancellationToken stop)
    {
        LoadedModel loaded;
        using (var view = new ProgressView(output, TimeProvider.System))
            loaded = LoadedModel.Open(request.Model, view);
        using (loaded)
            return Talk(loaded, request.Sampling, Console.In, output, stop);
    }

    static int Talk(LoadedModel loaded, GenerationOptions sampling, TextReader lines, Output output, CancellationToken stop)
    {
        var history = new ChatHistory(loaded.Tokenizer, sampling);
        while (true)
        {
            if (output.ErrorIsTerminal)
                output.ErrorWriter.Write("> ");
            switch (ReadLine(lines, stop)?.Trim())
            {
                case null or "/quit":
                    return stop.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Done;
                case "":
                    break;
                case "/reset":
                    history.Clear();
                    break;
                case ['/', ..] command:
                    output.Warning($"{command} is no command; /reset forgets, /quit ends");
                    break;
                case var instruction:
                    var answer = new StringBuilder();
                    foreach (var piece in loaded.Continue(history.PromptFor(instruction), sampling, stop))
                    {
                        answer.Append(piece);
                        output.Out.Write(piece);
                        output.Out.Flush();
                    }
                    output.Line();
                    history.Add(instruction, answer.ToString());
                    break;
            }
        }
    }

    // A terminal's read cannot be cancelled: it is left behind when the program ends.
    static string? ReadLine(TextReader lines, CancellationToken stop)
    {
        var read = Task.Run(lines.ReadLine, CancellationToken.None);
        try
        {
            read.Wait(stop);
            return read.Result;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}

/// <summary>The turns so far as a prompt: Alpaca's template around the first instruction, and its headings around the later ones.</summary>
sealed class ChatHistory(Tokenizer tokenizer, GenerationOptions sampling)
{
    readonly List<(string Instruction, string Answer)> turns = [];

    /// <summary>Forgets every turn.</summary>
    public void Clear() => turns.Clear();

    /// <summary>Remembers a turn.</summary>
    public void Add(string instruction, string answer) => turns.Add((instruction, answer));

    /// <summary>The tokens to go on from. The oldest turns are forgotten until an answer has room in the context.</summary>
    public int[] PromptFor(string instruction)
    {
        while (true)
        {
            var tokens = tokenizer.Encode(TextFor(instruction), bos: true);
            var room = (sampling.Context ?? int.MaxValue) - Math.Min(sampling.MaxNewTokens, (sampling.Context ?? int.MaxValue) / 2);
            if (tokens.Length <= room || turns.Count == 0)
                return tokens;
            turns.RemoveAt(0);
        }
    }

    string TextFor(string instruction)
    {
        string[] instructions = [.. turns.Select(turn => turn.Instruction), instruction];
        var text = new StringBuilder(PromptTemplate.Alpaca.Prompt(instructions[0], ""));
        for (var i = 1; i < instructions.Length; i++)
            text.Append(turns[i - 1].Answer.TrimEnd()).Append("\n\n### Instruction:\n").Append(instructions[i]).Append("\n\n### Response:");
        return text.ToString();
    }
}
