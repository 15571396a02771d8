using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Microsoft.AspNetCore.Components;
using Orchestrator.Api.V1;
using Orchestrator.Page.Live;
using Orchestrator.Page.Parts;
using Radzen;
using File = Orchestrator.Api.V1.File;

namespace Orchestrator.Page;

/// <summary>A job: what it is at, what happened to it, and what can be done about it.</summary>
public partial class JobPage
{
    const int LogLinesMax = 1_000;
    const int GateLinesMax = 8;

    static readonly JsonSerializerOptions indented = new() { WriteIndented = true };

    readonly JobStory story = new();
    readonly Queue<string> log = new();
    IReadOnlyList<File> files = [];
    Job? job;
    string spec = "";
    string? refused;
    int wanted;
    bool mayChange, isBusy, hasLog;

    /// <summary>The job's namespace.</summary>
    [Parameter]
    public string Space { get; set; } = "";

    /// <summary>The job's name.</summary>
    [Parameter]
    public string Name { get; set; } = "";

    JobRequest Request => new() { Namespace = Space, Name = Name };

    IReadOnlyList<StepChart.Line> LossLines => [new("training", "var(--series-training)", story.Losses), new("validation", "var(--series-validation)", story.Validation, HasDots: true)];

    IReadOnlyList<StepChart.Line> RateLines => [new("learning rate", "var(--series-training)", story.Rates)];

    // A few of many layers, the lowest and the highest among them.
    IReadOnlyList<StepChart.Line> GateLines
    {
        get
        {
            var count = story.Gates.Count;
            var shown = count <= GateLinesMax ? Enumerable.Range(0, count) : Enumerable.Range(0, GateLinesMax).Select(i => i * (count - 1) / (GateLinesMax - 1));
            return [.. shown.Select((layer, i) => new StepChart.Line($"layer {layer + 1} of {count}", $"var(--series-{i})", story.Gates[layer]))];
        }
    }

    /// <inheritdoc/>
    protected override async Task OnInitializedAsync()
    {
        mayChange = await Cluster.May(Role.Editor, Space);
        _ = Follow(async () => (await Cluster.Jobs()).Follow(new ListRequest { Namespace = Space }, cancellationToken: Gone), Take);
        _ = Follow(async () => (await Cluster.Jobs()).Watch(new WatchRequest { Namespace = Space, Name = Name, After = story.Number }, cancellationToken: Gone), Take);
        await Try(async () =>
        {
            var whole = await (await Cluster.Jobs()).GetAsync(Request, cancellationToken: Gone);
            spec = JsonNode.Parse(whole.Spec)?.ToJsonString(indented) ?? "";
            Take(whole);
        });
        await ListFiles();
    }

    void Take(JobsChange change)
    {
        if (change.Jobs.FirstOrDefault(one => one.Name == Name) is { } now)
            Take(now);
        if (change.Gone.Any(one => one.Name == Name))
            Navigation.NavigateTo("/");
    }

    void Take(Job now)
    {
        if (job is null || wanted == job.WorkersWanted)
            wanted = now.WorkersWanted;
        var (isNew, server) = (job is null || job.Checkpoint != now.Checkpoint || job.Phase != now.Phase, job?.Server);
        job = now;
        if (now.Server.Length == 0 && server is not null)
            job.Server = server;
        if (isNew)
            _ = InvokeAsync(ListFiles);
    }

    void Take(Event told) => story.Take(told);

    async Task ListFiles()
    {
        try
        {
            var found = (await (await Cluster.Files()).ListAsync(Request, cancellationToken: Gone)).Files;
            files = [.. found.OrderByDescending(file => file.Path is "adapter.safetensors").ThenByDescending(file => file.Path, StringComparer.Ordinal)];
            StateHasChanged();
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or ObjectDisposedException)
        {
            // asked again at the next checkpoint
        }
    }

    void OpenLog()
    {
        if (hasLog)
            return;
        hasLog = true;
        long after = 0;
        _ = Follow(async () => (await Cluster.Jobs()).Logs(new LogsRequest { Namespace = Space, Name = Name, Follow = true, After = after }, cancellationToken: Gone), line =>
        {
            after = line.Number;
            log.Enqueue($"{line.At.ToDateTimeOffset():HH:mm:ss.fff}  {line.Text}");
            if (log.Count > LogLinesMax)
                log.Dequeue();
        });
    }

    Task Scale() => Do($"has {wanted} workers from the next step on", jobs => jobs.ScaleAsync(new ScaleRequest { Namespace = Space, Name = Name, Workers = wanted }));

    async Task Cancel()
    {
        if (await Dialogs.Confirm($"{Name} ends without a result. What it has written stays.", "Cancel this job?", new ConfirmOptions { OkButtonText = "Cancel the job", CancelButtonText = "Let it run" }) == true)
            await Do("cancelled", jobs => jobs.CancelAsync(Request));
    }

    async Task Delete()
    {
        if (await Dialogs.Confirm($"{Name} and its files, the adapter among them, are gone for good.", "Delete this job?", new ConfirmOptions { OkButtonText = "Delete for good", CancelButtonText = "Keep it" }) != true)
            return;
        await Try(async () =>
        {
            await (await Cluster.Jobs()).DeleteAsync(Request);
            Navigation.NavigateTo("/");
        });
    }

    Task Do(string done, Func<Jobs.JobsClient, AsyncUnaryCall<Job>> call) => Try(async () =>
    {
        Take(await call(await Cluster.Jobs()));
        Notifications.Notify(NotificationSeverity.Success, Name, done);
    });

    async Task Try(Func<Task> what)
    {
        (isBusy, refused) = (true, null);
        try
        {
            await what();
        }
        catch (RpcException e)
        {
            refused = e.Status.Detail;
        }
        catch (OperationCanceledException)
        {
            // the page is left
        }
        isBusy = false;
    }
}
