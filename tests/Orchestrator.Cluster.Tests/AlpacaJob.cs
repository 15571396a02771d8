using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Engine;
using Orchestrator.Harness;
using Orchestrator.Learning.Files;

namespace Orchestrator.Cluster.Tests;

/// <summary>A job of some seconds: Alpaca's records, or the bundled ones where those are not beside the project, on the tiny base that comes with the command.</summary>
/// <param name="Spec">what is submitted</param>
/// <param name="Digest">SHA-256 of the adapter that one worker makes of it, undisturbed</param>
/// <param name="Ledger">the ledger of that run</param>
/// <param name="StepSeconds">how long a step of it took</param>
public sealed record AlpacaJob(string Spec, string Digest, string Ledger, double StepSeconds)
{
    const int RecordsMin = 1800;        // both files have more

    static readonly TimeSpan trainedWithin = TimeSpan.FromMinutes(60);

    /// <summary>The job, and what becomes of it where nothing happens: <c>train --workers 1</c>.</summary>
    /// <param name="folder">for its records and that run</param>
    /// <param name="steps">how many</param>
    /// <param name="batch">samples of a step</param>
    /// <param name="micro">samples of a micro-batch</param>
    public static async Task<AlpacaJob> Trained(string folder, int steps, int batch = 16, int micro = 2)
    {
        var stepsOfAnEpoch = Math.Min(10, RecordsMin / batch);
        var records = Path.Combine(folder, "records.json");
        var bundle = Path.Combine(AppContext.BaseDirectory, "Demo", "Bundle");
        using (var all = JsonDocument.Parse(await File.ReadAllBytesAsync(Shared.Find("data/alpaca_original_1805.json") ?? Path.Combine(bundle, "records.json"))))
            await File.WriteAllTextAsync(records, new JsonArray([.. all.RootElement.EnumerateArray().Take(stepsOfAnEpoch * batch).Select(record => JsonNode.Parse(record.GetRawText()))]).ToJsonString());
        var spec = string.Create(CultureInfo.InvariantCulture, $$"""
            name: alpaca
            model: { path: {{Path.Combine(bundle, "base")}} }
            data: { path: {{records}}, validation: 0, maxSequenceLength: 128 }
            training: { epochs: {{steps / stepsOfAnEpoch}}, globalBatchSize: {{batch}}, microBatchSize: {{micro}}, warmupEpochs: 0.5, learningRate: 0.01 }
            device: { kind: cpu }
            checkpoint: { everySteps: 10 }
            """);
        var (file, run) = (Path.Combine(folder, "alpaca.yaml"), new RunFolder(Path.Combine(folder, "undisturbed")));
        await File.WriteAllTextAsync(file, spec);
        var digest = await Train(file, run.Path);
        return new AlpacaJob(spec, digest, await File.ReadAllTextAsync(run.Ledger), RunSummary.Read(run).Seconds / steps);
    }

    static async Task<string> Train(string spec, string run)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "orchestrator"), ["train", spec, "--output", run, "--workers", "1", "--json"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ORCHESTRATOR_CACHE"] = Path.Combine(run, "..", "cache");
        using var process = Process.Start(start)!;
        var (said, complained) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var patience = new CancellationTokenSource(trainedWithin);
        await process.WaitForExitAsync(patience.Token);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"train ended with {process.ExitCode}: {await complained}");
        using var answer = JsonDocument.Parse(await said);
        return answer.RootElement.GetProperty("adapterSha256").GetString()!;
    }

    /// <summary>That a job of the cluster has ended as the undisturbed run did: the same adapter, the same ledger to the byte, every step once.</summary>
    public async Task HoldsFor(ClusterJob job)
    {
        Assert.Equal(Digest, await job.Completed());
        Assert.Equal(Digest, new FileDigests(cacheFolder: null).Sha256(job.Run.Adapter));
        Assert.NotEmpty(job.Ledger());
        Assert.Equal(Ledger, await File.ReadAllTextAsync(job.Run.Ledger));
    }
}
