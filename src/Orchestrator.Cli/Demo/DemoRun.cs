using System.Globalization;
using System.Text.Json.Serialization;
using Orchestrator.Cli.Report;
using Orchestrator.Engine;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Cli.Demo;

/// <summary>
/// The demonstration: a tiny base that knows an invented world from plain text, but cannot answer an instruction; an adapter is trained on 560 instructions about some of its lands, and asked about others.
/// </summary>
static class DemoRun
{
    const string ForcedWords = "It is";
    const int AnswersShown = 5;

    /// <summary>The job. fp32 on the processor: the same everywhere, as far as processors of one kind go.</summary>
    public static JobSpec Spec(int workers) => new()
    {
        Name = "demo",
        Model = new ModelSpec { Path = DemoBundle.Base, Precision = Precision.Fp32 },
        Adapter = new AdapterSpec { Length = 10 },
        Data = new DataSpec { Path = DemoBundle.Records, Validation = 16 },      // 544 records are left: 17 batches of 32
        Training = new TrainingSpec { Epochs = 6, GlobalBatchSize = 32, MicroBatchSize = 4, LearningRate = 0.02, WarmupEpochs = 1, Seed = 1 },
        Device = new DeviceSpec { Kind = DeviceKind.Cpu },
        Workers = workers,
        Checkpoint = new CheckpointSpec { EverySteps = 34 },
        Evaluation = new EvaluationSpec { EverySteps = 17 },
    };

    /// <summary>Runs it and tells what is seen.</summary>
    /// <returns>an exit code of <see cref="ExitCodes"/></returns>
    public static int Run(DemoRequest request, Output output, CancellationToken stop)
    {
        var questions = DemoBundle.ReadQuestions();
        var workers = request.Workers ?? Math.Clamp(Environment.ProcessorCount, 1, 4);
        var folder = Fresh(Path.GetFullPath(request.Folder ?? Path.Combine("runs", "demo")));
        Say(output, "A tiny LLaMA has read plain text about an invented world: who rules which land, how its capital, river and mountain are called. It was never");
        Say(output, $"asked a question. An adapter is now trained on 560 instructions about 70 lands and asked {questions.Count} questions about 50 others.");
        Say(output, "");

        DemoScore before, forced;
        using (var model = Open(adapter: null))
        {
            before = DemoExam.Take(model, questions, given: "", stop);
            forced = DemoExam.Take(model, questions, ForcedWords, stop);
        }
        var result = Train(new TrainRequest(Spec(workers), folder, Resume: false), output, drill: null, stop);
        if (result.Interrupted)
        {
            Say(output, $"Interrupted after step {result.Step}; orchestrator train --resume --output {folder} goes on.");
            return ExitCodes.Interrupted;
        }
        DemoScore after;
        using (var model = Open(result.Adapter))
            after = DemoExam.Take(model, questions, given: "", stop);

        var answers = Enumerable.Range(0, questions.Count).Select(i => new ReportAnswer(questions[i].Instruction, questions[i].Input, questions[i].Output, before.Answers[i], after.Answers[i])).ToList();
        var run = new RunFolder(folder);
        RunReportFile.Write(run, RunSummary.Read(run), Chosen(answers));
        var twins = request.Chaos ? DemoChaos.Run(folder, result.AdapterSha256!, output, stop) : [];
        if (output.IsJson)
            output.JsonLine(new DemoResult(folder, result.Steps, result.Seconds, result.AdapterSha256!, before.Exact, before.Named, forced.Named, after.Exact, after.Named, twins));
        else
            Tell(output, answers, before, forced, after, result, twins);
        return twins.All(twin => twin.AdapterSha256 == result.AdapterSha256) ? ExitCodes.Done : ExitCodes.Failed;
    }

    /// <summary>Trains with the live view.</summary>
    public static TrainResult Train(TrainRequest request, Output output, Action<TrainingEngine, StepReport>? drill, CancellationToken stop)
    {
        using var view = new ProgressView(output, TimeProvider.System);
        return LocalTraining.Run(request, view, drill, stop).GetAwaiter().GetResult();
    }

    /// <summary>An empty folder of that name: what the demonstration left there before goes.</summary>
    public static string Fresh(string folder)
    {
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any() && !File.Exists(new RunFolder(folder).Ledger))
            throw new Protocol.ProblemException("--output", $"{folder} with files that are no run's", "an empty folder, or one of an earlier demonstration");
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        return folder;
    }

    static LoadedModel Open(string? adapter)
        => LoadedModel.Open(new ModelRequest(DemoBundle.Base, adapter, Tokenizer: null, Precision.Fp32, DeviceKind.Cpu, Threads: 1), new DirectProgress<TrainingProgress>(_ => { }));

    static List<ReportAnswer> Chosen(List<ReportAnswer> answers) => [.. answers.Where((_, i) => i % (answers.Count / AnswersShown + 1) == 0).Take(AnswersShown)];

    static void Tell(Output output, List<ReportAnswer> answers, DemoScore before, DemoScore forced, DemoScore after, TrainResult result, IReadOnlyList<DemoTwin> twins)
    {
        output.Line();
        output.Table(["question", "the base alone", "with the adapter", "wanted"], Chosen(answers).Select(answer => (IReadOnlyList<string>)
            [answer.Input.Length > 0 ? $"{answer.Instruction} [{answer.Input}]" : answer.Instruction, Flat(answer.Before ?? ""), Flat(answer.After), answer.Expected]));
        output.Line();
        output.Table(["held-out questions", "exact#", "right name anywhere#"],
        [
            ["the base alone", Percent(before.Exact), Percent(before.Named)],
            [$"the base, with \"{ForcedWords}\" put into its mouth", "", Percent(forced.Named)],
            ["with the adapter", Percent(after.Exact), Percent(after.Named)],
        ]);
        output.Line();
        output.Line("No held-out land or name occurs in the training records: the adapter brings out what the base knew. It did not teach it the facts.");
        output.Line();
        output.Facts("",
        [
            ("adapter", result.Adapter ?? ""),
            ("sha-256", result.AdapterSha256 ?? ""),
            ("loss", LossCurve.Of(new RunFolder(result.Folder))),
            ("steps", string.Create(CultureInfo.InvariantCulture, $"{result.Step} in {result.Seconds:0.0} s, {result.TokensPerSecond:N0} tokens/s")),
            ("report", new RunFolder(result.Folder).Report),
            .. twins.Select(twin => (twin.AdapterSha256 == result.AdapterSha256 ? "same bytes" : "OTHER BYTES", $"{twin.What}: {twin.AdapterSha256}")),
        ]);
    }

    static void Say(Output output, string line)
    {
        if (!output.IsJson)
            output.Line(line);
    }

    static string Flat(string text) => text.ReplaceLineEndings("⏎").Trim();

    static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.0} %");
}

/// <summary>What the demonstration found, for programs.</summary>
/// <param name="Folder">the run's folder</param>
/// <param name="Steps">steps trained</param>
/// <param name="Seconds">of training</param>
/// <param name="AdapterSha256">digest of the adapter</param>
/// <param name="ExactBefore">share of held-out questions that the base alone answers to the letter</param>
/// <param name="NamedBefore">share in which the base alone says the right name anywhere</param>
/// <param name="NamedForced">the same with the answer's first words given</param>
/// <param name="ExactAfter">share that the adapter answers to the letter</param>
/// <param name="NamedAfter">share in which it says the right name</param>
/// <param name="Twins">the runs of <c>--chaos</c></param>
sealed record DemoResult(
    string Folder, long Steps, double Seconds, [property: JsonPropertyName("adapterSha256")] string AdapterSha256, double ExactBefore, double NamedBefore, double NamedForced, double ExactAfter, double NamedAfter,
    IReadOnlyList<DemoTwin> Twins);

/// <summary>The same job once more, under other circumstances.</summary>
/// <param name="What">which</param>
/// <param name="AdapterSha256">digest of its adapter</param>
sealed record DemoTwin(string What, string AdapterSha256);
