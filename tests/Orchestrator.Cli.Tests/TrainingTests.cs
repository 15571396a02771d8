using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Engine;
using Orchestrator.Engine.Tests;
using Orchestrator.Harness;
using Orchestrator.Learning.Files;

namespace Orchestrator.Cli.Tests;

/// <summary>Whole runs, as a user starts them: processes, signals, files.</summary>
public sealed class TrainingTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-runs-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    string Place(string name) => Path.Combine(folder, name);

    // The golden run, with as many epochs as it takes for something to happen in its middle.
    string Parity(int epochs)
    {
        var golden = Shared.Find("reference/run_parity");
        Assert.SkipWhen(golden is null, "the golden run is not beside the project");
        var file = Place($"parity-{epochs}.yaml");
        File.WriteAllText(file, $$"""
            name: parity
            model: { path: {{golden}}/model }
            adapter: { layers: 3, length: 5, init: {{golden}}/init-adapter.pth }
            data: { path: {{golden}}/data.jsonl, validation: 0, maxSequenceLength: 48, shuffle: false }
            training: { epochs: {{epochs}}, globalBatchSize: 8, microBatchSize: 2, learningRate: 0.02, warmupEpochs: 0.5 }
            device: { kind: cpu }
            checkpoint: { everySteps: 7 }
            """);
        return file;
    }

    // Real records on a real, tiny LLaMA.
    string Alpaca()
    {
        var (model, data) = (Shared.Find("models/stories260K"), Shared.Find("data/alpaca_original_1805.json"));
        Assert.SkipWhen(model is null || data is null, "the records and models are not beside the project");
        using var records = JsonDocument.Parse(File.ReadAllBytes(data));
        File.WriteAllText(Place("alpaca.json"), new JsonArray([.. records.RootElement.EnumerateArray().Take(80).Select(record => JsonNode.Parse(record.GetRawText()))]).ToJsonString());
        File.WriteAllText(Place("alpaca.yaml"), $$"""
            name: alpaca
            model: { path: {{model}} }
            data: { path: alpaca.json, validation: 8, maxSequenceLength: 160 }
            training: { epochs: 2, globalBatchSize: 12, microBatchSize: 2, warmupEpochs: 0.5, learningRate: 0.01 }
            device: { kind: cpu }
            checkpoint: { everySteps: 3 }
            evaluation: { everySteps: 6, exactMatch: 1, maxNewTokens: 4 }
            """);
        return Place("alpaca.yaml");
    }

    static string Train(string spec, string run, int workers, params string[] more)
    {
        var end = Orchestrated.Run(["train", spec, "--output", run, "--workers", $"{workers}", "--json", .. more]);
        Assert.True(end.Code == ExitCodes.Done, end.Error);
        using var answer = JsonDocument.Parse(end.Out);
        return answer.RootElement.GetProperty("adapterSha256").GetString()!;
    }

    static Process Begin(string spec, string run, int workers, params string[] more) => Orchestrated.Start(["train", spec, "--output", run, "--workers", $"{workers}", .. more]);

    static void Reaches(Process process, string run, int step)
    {
        var ledger = new RunFolder(run).Ledger;
        using var appeared = new FileSystemWatcher(Path.GetDirectoryName(Path.GetDirectoryName(ledger))!) { IncludeSubdirectories = true, EnableRaisingEvents = true };
        while (!process.HasExited && (!File.Exists(ledger) || Lines(ledger) <= step))
            appeared.WaitForChanged(WatcherChangeTypes.All, TimeSpan.FromMilliseconds(50));
    }

    static int Lines(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var lines = 0;
        while (reader.ReadLine() is not null)
            lines++;
        return lines;
    }

    [Fact]
    public void A_run_that_starts_from_an_adapter_is_first_evaluated_with_it()
    {
        var spec = Alpaca();
        Train(spec, Place("first"), workers: 1);
        Train(spec, Place("second"), workers: 1, "--set", $"adapter.init={new RunFolder(Place("first")).Adapter}", "--set", "training.epochs=1");
        var (first, second) = (RunSummary.Read(new RunFolder(Place("first"))), RunSummary.Read(new RunFolder(Place("second"))));
        Assert.Equal(first.Evaluations[^1].Loss, second.Evaluations[0].Loss);
        Assert.NotEqual(first.Evaluations[0].Loss, second.Evaluations[0].Loss);
    }

    [Fact]
    public void The_golden_run_ends_as_the_original_ended_it_on_one_and_on_three_workers()
    {
        var spec = Parity(epochs: 3);
        var digest = Train(spec, Place("one"), workers: 1);
        Assert.Equal(digest, Train(spec, Place("three"), workers: 3));
        Assert.Equal(File.ReadAllBytes(new RunFolder(Place("one")).Ledger), File.ReadAllBytes(new RunFolder(Place("three")).Ledger));

        using var expected = TensorFile.Open(Shared.Find("reference/run_parity/expected.safetensors")!);
        using var trained = TensorFile.Open(new RunFolder(Place("three")).Adapter);
        foreach (var entry in expected.Entries.Where(entry => entry.Name != "losses"))
        {
            using var golden = expected.Load(entry.Name);
            using var ours = trained.Load(entry.Name);
            using var difference = (ours - golden).norm();
            using var size = golden.norm();
            Assert.True(difference.item<float>() <= 1e-3 * size.item<float>(), entry.Name);
        }
    }

    [Fact]
    public void A_run_that_is_killed_twice_and_resumed_with_other_numbers_of_workers_ends_in_the_same_bytes()
    {
        var spec = Alpaca();
        var digest = Train(spec, Place("undisturbed"), workers: 1);
        var run = Place("killed");
        var (first, second) = (Random.Shared.Next(1, 6), Random.Shared.Next(6, 11));
        foreach (var (step, workers, more) in new[] { (first, 3, Array.Empty<string>()), (second, 5, ["--resume"]) })
        {
            using var victim = Begin(spec, run, workers, more);
            Reaches(victim, run, step);
            victim.Kill();      // SIGKILL
            victim.WaitForExit();
        }
        Assert.True(digest == Train(spec, run, workers: 2, "--resume"), $"killed after steps {first} and {second}");
        Assert.Equal(File.ReadAllBytes(new RunFolder(Place("undisturbed")).Ledger), File.ReadAllBytes(new RunFolder(run).Ledger));
        Assert.Equal(ExitCodes.Done, Orchestrated.Run("verify", run).Code);
        Assert.Equal(ExitCodes.Done, Orchestrated.Run("verify", run, "--step", "5").Code);
    }

    [Fact]
    public void A_signal_ends_a_run_with_a_checkpoint_and_the_word_how_to_go_on()
    {
        var spec = Parity(epochs: 40);
        var run = Place("signalled");
        using var process = Begin(spec, run, workers: 2);
        Reaches(process, run, step: 20);
        using (var signal = Process.Start("kill", ["-TERM", $"{process.Id}"]))
            signal.WaitForExit();
        var end = Orchestrated.EndOf(process);
        Assert.Equal(ExitCodes.Interrupted, end.Code);
        Assert.Contains($"orchestrator train --resume --output {run}", end.Out, StringComparison.Ordinal);

        var summary = RunSummary.Read(new RunFolder(run));
        Assert.Equal("interrupted", summary.State);
        Assert.True(Directory.Exists(new RunFolder(run).Checkpoint(new(summary.Step))), $"a checkpoint of step {summary.Step}");
    }

    [Fact]
    public void A_second_signal_stops_at_once_and_loses_nothing_that_was_committed()
    {
        var spec = Parity(epochs: 20);
        var run = Place("stopped");
        using (var process = Begin(spec, run, workers: 2))
        {
            Reaches(process, run, step: 20);
            using (var signals = Process.Start("sh", ["-c", $"kill -TERM {process.Id}; kill -TERM {process.Id}"]))
                signals.WaitForExit();
            Assert.Equal(ExitCodes.Interrupted, Orchestrated.EndOf(process).Code);
        }
        Assert.Equal(Train(spec, Place("undisturbed"), workers: 1), Train(spec, run, workers: 3, "--resume"));
    }

    [Fact]
    public void A_run_leaves_everything_that_it_promises()
    {
        var spec = Alpaca();
        var run = new RunFolder(Place("whole"));
        var digest = Train(spec, run.Path, workers: 2);
        var summary = RunSummary.Read(run);
        Assert.Equal(digest, summary.AdapterSha256);
        Assert.Equal(digest, new FileDigests(cacheFolder: null).Sha256(run.Adapter));
        Assert.Equal([0L, 6, 12], summary.Evaluations.Select(evaluation => evaluation.Step.Number));
        Assert.True(summary.Evaluations[^1].Loss < summary.Evaluations[0].Loss, "the held-out loss fell");
        Assert.Equal(summary.Steps + 1, File.ReadLines(run.Ledger).Count());
        Assert.Equal(summary.Steps, File.ReadLines(run.Metrics).Count());
        Assert.Contains("<svg", File.ReadAllText(run.Report), StringComparison.Ordinal);
        Assert.True(Directory.EnumerateDirectories(run.Checkpoints).Count() is 3 or 4, "the last three checkpoints, and the best");
    }

    [Fact]
    public void Four_workers_take_the_base_once_and_of_each_adapter_optimiser_and_activations()
    {
        const long ProgramBytesMax = 200L << 20;
        RandomBase.Write(Place("base"), vocabulary: 16_000, dim: 256, layers: 6, heads: 4, hidden: 704);
        var random = new Random(1);
        File.WriteAllLines(Place("records.jsonl"), Enumerable.Range(0, 56).Select(_ =>
        {
            var tokens = Enumerable.Range(0, random.Next(60, 240)).Select(_ => random.Next(3, 16_000)).ToArray();
            return JsonSerializer.Serialize(new { input_ids = tokens, labels = tokens.Select((token, i) => i < tokens.Length / 2 ? -100 : token) });
        }));
        File.WriteAllText(Place("memory.yaml"), """
            name: memory
            model: { path: base }
            adapter: { layers: 5 }
            data: { path: records.jsonl, validation: 8, maxSequenceLength: 256 }
            training: { epochs: 1, globalBatchSize: 16, microBatchSize: 4 }
            device: { kind: cpu }
            checkpoint: { everySteps: 2 }
            """);
        var weights = new FileInfo(Path.Combine(Place("base"), "model.safetensors")).Length;
        Train(Place("memory.yaml"), Place("alone"), workers: 1);
        var activations = Of("alone", "activationBytes");       // one worker has computed the largest micro-batch of all
        Assert.InRange(activations, 10_000_000, 100_000_000);
        Train(Place("memory.yaml"), Place("together"), workers: 4);
        var (adapter, optimiser) = (sizeof(float) * Of("together", "parameters"), 2 * sizeof(float) * Of("together", "parameters"));
        var (bound, peak) = (weights + 4 * (adapter + optimiser + activations) + ProgramBytesMax, Of("together", "peakResidentBytes"));
        Assert.True(peak <= bound, $"{peak} bytes, not {bound}: base {weights}, activations of a worker {activations}");

        long Of(string run, string name)
        {
            using var summary = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Place(run), "run.json")));
            return summary.RootElement.GetProperty(name).GetInt64();
        }
    }
}
