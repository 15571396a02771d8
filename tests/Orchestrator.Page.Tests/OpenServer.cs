using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Net.Client;
using Orchestrator.Api.V1;
using Orchestrator.Harness;
using File = System.IO.File;

namespace Orchestrator.Page.Tests;

/// <summary>A real server of two workers on loopback, whom everybody may ask, and Chromium.</summary>
public sealed class OpenServer : IAsyncLifetime
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-page-");
    readonly Browser browser = new();
    ServerProcess? server;
    GrpcChannel? channel;

    /// <summary>The server.</summary>
    public ServerProcess Server => server!;

    /// <summary>The API beside the page.</summary>
    public Jobs.JobsClient Jobs => new(channel!);

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        await browser.InitializeAsync();
        server = await ServerProcess.Start("gpu-1", Path.Combine(folder.FullName, "data"), workers: 2);
        channel = GrpcChannel.ForAddress(server.Api);
    }

    /// <summary>Somebody looks.</summary>
    public Task<Visit> Visit(bool isDark = false, bool isPhone = false) => browser.Open(Server.Http, isDark, isPhone);

    /// <summary>Ends what an earlier test has left, so that the workers are free.</summary>
    public async Task Quiet()
    {
        foreach (var job in (await Jobs.ListAsync(new ListRequest { AllNamespaces = true })).Jobs)
            await Jobs.CancelAsync(new JobRequest { Namespace = job.Namespace, Name = job.Name });
    }

    /// <summary>A job on the bundled tiny base.</summary>
    public static string Spec(string name, string folder, int epochs = 4, int workers = 1)
    {
        var bundle = Path.Combine(AppContext.BaseDirectory, "Demo", "Bundle");
        var records = Path.Combine(folder, "records.json");
        if (!File.Exists(records))
        {
            using var all = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(bundle, "records.json")));
            File.WriteAllText(records, new JsonArray([.. all.RootElement.EnumerateArray().Take(176).Select(record => JsonNode.Parse(record.GetRawText()))]).ToJsonString());
        }
        return string.Create(CultureInfo.InvariantCulture, $$"""
            name: {{name}}
            workers: {{workers}}
            model:
              path: {{Path.Combine(bundle, "base")}}
            data:
              path: {{records}}
              validation: 16
              maxSequenceLength: 128
            training:
              epochs: {{epochs}}
              globalBatchSize: 16
              microBatchSize: 2
              warmupEpochs: 0.5
              learningRate: 0.01
            device:
              kind: cpu
            checkpoint:
              everySteps: 10
            evaluation:
              everySteps: 10
              exactMatch: 3
              maxNewTokens: 12
            """);
    }

    /// <inheritdoc cref="Spec(string, string, int, int)"/>
    public string Spec(string name, int epochs = 4, int workers = 1) => Spec(name, folder.FullName, epochs, workers);

    /// <summary>Submits one beside the page; under a name of its own, since the same job again is the same job.</summary>
    public async Task<Job> Submitted(string name, int epochs = 4, int workers = 1, string space = "default")
        => await Jobs.SubmitAsync(new SubmitRequest { Namespace = space, Spec = Spec(name, epochs, workers) });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        channel?.Dispose();
        if (server is not null)
            await server.DisposeAsync();
        await browser.DisposeAsync();
        folder.Delete(recursive: true);
    }
}
