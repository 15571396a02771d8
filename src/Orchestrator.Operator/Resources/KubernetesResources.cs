using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Autorest;
using k8s.Exceptions;
using k8s.Models;
using Orchestrator.Protocol;

namespace Orchestrator.Operator.Resources;

/// <summary>An API server, by the client library.</summary>
sealed class KubernetesResources(IKubernetes server, string me) : IClusterResources, IDisposable
{
    const int PageMax = 500;

    /// <summary>How long the server may keep a watch: then it is asked anew, and a connection that died without a word is noticed.</summary>
    static readonly TimeSpan watchFor = TimeSpan.FromMinutes(4);

    /// <summary>How long an answer may take.</summary>
    static readonly TimeSpan answerWithin = TimeSpan.FromSeconds(20);

    /// <summary>Connects as the options say.</summary>
    /// <exception cref="ProblemException">they do not say where the server is, and this is no pod</exception>
    public static KubernetesResources Of(OperatorOptions options, string me)
    {
        var configuration = Configured(options);
        configuration.HttpClientTimeout = answerWithin;
        return new KubernetesResources(new Kubernetes(configuration), me);
    }

    static KubernetesClientConfiguration Configured(OperatorOptions options)
    {
        const string place = "Operator:Kubeconfig";
        if (options.Kubeconfig is not { Length: > 0 } file)
            return KubernetesClientConfiguration.IsInCluster() ? KubernetesClientConfiguration.InClusterConfig()
                : throw new ProblemException(place, "nothing, in a process that is in no pod with a service account", "a kubeconfig file", "or run it in a cluster, or leave Operator:Enabled out");
        try
        {
            return KubernetesClientConfiguration.BuildConfigFromConfigFile(file);
        }
        catch (Exception e) when (e is KubeConfigException or IOException or UnauthorizedAccessException or YamlDotNet.Core.YamlException)
        {
            throw new ProblemException(place, $"{file}: {e.Message}", "a kubeconfig file that can be used");
        }
    }

    public async Task<(IReadOnlyList<TrainingJob> Jobs, string Version)> List(string? space, CancellationToken stop)
    {
        List<TrainingJob> jobs = [];
        for (string? page = null; ;)
        {
            var listed = (JsonElement)await Asked(() => space is null
                ? server.CustomObjects.ListCustomObjectForAllNamespacesAsync(TrainingJob.Group, TrainingJob.Version, TrainingJob.Plural, continueParameter: page, limit: PageMax, cancellationToken: stop)
                : server.CustomObjects.ListNamespacedCustomObjectAsync(TrainingJob.Group, TrainingJob.Version, space, TrainingJob.Plural, continueParameter: page, limit: PageMax, cancellationToken: stop));
            jobs.AddRange(listed.GetProperty("items").EnumerateArray().Select(TrainingJob.Of));
            var metadata = listed.GetProperty("metadata").Deserialize<V1ListMeta>()!;
            page = metadata.ContinueProperty;
            if (string.IsNullOrEmpty(page))
                return (jobs, metadata.ResourceVersion);
        }
    }

    public async IAsyncEnumerable<ResourceChange> Watch(string? space, string version, [EnumeratorCancellation] CancellationToken stop)
    {
        var seconds = (int)watchFor.TotalSeconds;
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(stop);
        bounded.CancelAfter(watchFor + answerWithin);
        var changes = space is null
            ? server.CustomObjects.WatchListCustomObjectForAllNamespacesAsync(TrainingJob.Group, TrainingJob.Version, TrainingJob.Plural, allowWatchBookmarks: true, resourceVersion: version,
                timeoutSeconds: seconds, onError: Refuse, cancellationToken: bounded.Token)
            : server.CustomObjects.WatchListNamespacedCustomObjectAsync(TrainingJob.Group, TrainingJob.Version, space, TrainingJob.Plural, allowWatchBookmarks: true, resourceVersion: version,
                timeoutSeconds: seconds, onError: Refuse, cancellationToken: bounded.Token);
        await using var each = changes.GetAsyncEnumerator(bounded.Token);
        while (await Asked(() => each.MoveNextAsync().AsTask()))
        {
            var (what, element) = each.Current;
            var resource = (JsonElement)element;
            yield return what == WatchEventType.Bookmark
                ? new ResourceChange(null, IsGone: false, resource.GetProperty("metadata").GetProperty("resourceVersion").GetString()!)
                : TrainingJob.Of(resource) is var job ? new ResourceChange(job, what == WatchEventType.Deleted, job.Metadata.ResourceVersion) : default;
        }
    }

    // What is thrown here ends the watch: whatever the server could not say is heard again by a list.
    static void Refuse(Exception error) => throw error;

    public Task<TrainingJob> Patch(ResourceMetadata job, JsonObject patch, CancellationToken stop)
        => Patched(() => server.CustomObjects.PatchNamespacedCustomObjectAsync(Merge(patch), TrainingJob.Group, TrainingJob.Version, job.Namespace, TrainingJob.Plural, job.Name, cancellationToken: stop));

    public Task<TrainingJob> PatchStatus(ResourceMetadata job, JsonObject patch, CancellationToken stop)
        => Patched(() => server.CustomObjects.PatchNamespacedCustomObjectStatusAsync(Merge(patch), TrainingJob.Group, TrainingJob.Version, job.Namespace, TrainingJob.Plural, job.Name, cancellationToken: stop));

    static async Task<TrainingJob> Patched(Func<Task<object>> patch) => TrainingJob.Of((JsonElement)await Asked(patch));

    public async Task Tell(TrainingJob job, Notice notice, CancellationToken stop)
    {
        var told = new Eventsv1Event
        {
            Metadata = new V1ObjectMeta { Name = notice.Name, NamespaceProperty = job.Metadata.Namespace },
            Regarding = new V1ObjectReference
            {
                ApiVersion = $"{TrainingJob.Group}/{TrainingJob.Version}", Kind = TrainingJob.Kind, Name = job.Metadata.Name, NamespaceProperty = job.Metadata.Namespace, Uid = job.Metadata.Uid,
            },
            EventTime = DateTime.UtcNow, Type = notice.IsWarning ? "Warning" : "Normal", Reason = notice.Reason, Action = notice.Reason, Note = notice.Note,
            ReportingController = $"{TrainingJob.Group}/operator", ReportingInstance = me,
        };
        try
        {
            await Asked(() => server.EventsV1.CreateNamespacedEventAsync(told, job.Metadata.Namespace, cancellationToken: stop));
        }
        catch (RefusedException there) when (there.IsConflict)
        {
        }
    }

    public async Task<int> Pods(string space, string set, CancellationToken stop)
        => (await Asked(() => server.AppsV1.ReadNamespacedStatefulSetScaleAsync(set, space, cancellationToken: stop))).Spec.Replicas ?? 0;

    public Task SetPods(string space, string set, int pods, CancellationToken stop)
        => Asked(() => server.AppsV1.PatchNamespacedStatefulSetScaleAsync(Merge(new JsonObject { ["spec"] = new JsonObject { ["replicas"] = pods } }), set, space, cancellationToken: stop));

    static V1Patch Merge(JsonObject patch) => new(patch.ToJsonString(), V1Patch.PatchType.MergePatch);

    static async Task<T> Asked<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (HttpOperationException e)
        {
            var again = e.Response.Headers.TryGetValue("Retry-After", out var said) && int.TryParse(said.FirstOrDefault(), out var seconds) ? TimeSpan.FromSeconds(seconds) : (TimeSpan?)null;
            throw new RefusedException((int)e.Response.StatusCode, $"{(int)e.Response.StatusCode} {MessageOf(e.Response.Content)}", again);
        }
        catch (KubernetesException e)
        {
            throw new RefusedException(e.Status.Code ?? (int)HttpStatusCode.InternalServerError, $"{e.Status.Code} {e.Status.Message}");
        }
    }

    static string MessageOf(string? answer)
    {
        try
        {
            return answer is { Length: > 0 } && JsonNode.Parse(answer)?["message"]?.ToString() is { } message ? message : answer ?? "";
        }
        catch (JsonException)
        {
            return answer ?? "";
        }
    }

    public void Dispose() => server.Dispose();
}
