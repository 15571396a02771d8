using System.Globalization;
using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>What holds for every pod and container, whatever the values.</summary>
public class PodTests
{
    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Every_pod_is_restricted(string values)
        => Breaches.None(from pod in Release.Of(values).Pods()
                         from breach in Unrestricted(pod.Spec)
                         select $"{pod.Name}: {breach}");

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Every_container_is_restricted_and_has_bounds(string values)
        => Breaches.None(from item in Release.Of(values).Containers()
                         from breach in Unbound(item.Container)
                         select $"{item.Name}: {breach}");

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Every_container_that_stays_is_probed_at_a_port_that_it_has(string values)
        => Breaches.None(from item in Release.Of(values).Containers()
                         where item.Pod.Text("restartPolicy") != "Never"
                         from probe in new[] { "startupProbe", "readinessProbe", "livenessProbe" }
                         let asked = item.Container[probe]
                         let port = asked.Text("httpGet.port") ?? asked.Text("tcpSocket.port")
                         where asked is null || port is not null && item.Container.List("ports").All(has => has.Text("name") != port)
                         select $"{item.Name}: {probe} {asked?.ToJsonString() ?? "is missing"}");

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void What_is_mounted_is_a_volume_and_every_volume_is_mounted(string values)
        => Breaches.None(from pod in Release.Of(values).Manifests.Where(manifest => manifest.Text("kind") is "Pod" or "StatefulSet")
                         let spec = (pod.At("spec.template.spec") ?? pod["spec"])!
                         let volumes = spec.List("volumes").Select(volume => volume.Text("name")).Concat(pod.List("spec.volumeClaimTemplates").Select(claim => claim.Text("metadata.name"))).ToHashSet()
                         let mounts = spec.List("containers").SelectMany(container => container.List("volumeMounts")).Select(mount => mount.Text("name")).ToHashSet()
                         from name in volumes.Except(mounts).Concat(mounts.Except(volumes))
                         select $"{pod.Name()}: {name}");

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Whatever_a_pod_refers_to_is_in_the_release_or_named_in_its_values(string values)
    {
        var release = Release.Of(values);
        var written = File.ReadAllText(Release.FileOf(values));
        bool There(Kind kind, string name) => release.Of(kind).Any(manifest => manifest.Name() == name) || written.Contains(name, StringComparison.Ordinal);
        Breaches.None(from pod in release.Pods()
                      from reference in References(pod.Spec)
                      where !There(reference.Kind, reference.Name) && !(reference.Kind == Kind.Secret && release.Of(Kind.Certificate).Any(made => made.Text("spec.secretName") == reference.Name))
                            && reference != (Kind.ServiceAccount, "default")
                      select $"{pod.Name}: {reference}");
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Only_servers_that_call_Kubernetes_may(string values)
        => Breaches.None(from pod in Release.Of(values).Pods()
                         let may = pod.Spec["automountServiceAccountToken"]?.GetValue<bool>() ?? true
                         let must = pod.Labels["app.kubernetes.io/component"]!.ToString() == "servers"
                                    && pod.Spec.List("containers").SelectMany(container => container.List("env"))
                                        .Any(variable => variable.Text("name") is "ORCHESTRATOR_OPERATOR__ENABLED" or "ORCHESTRATOR_SECURITY__KUBERNETES__SERVICEACCOUNTS")
                         where may != must
                         select $"{pod.Name}: the account's token is {(may ? "there" : "missing")}");

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Servers_have_no_workers_and_workers_have_theirs(string values)
    {
        Assert.Equal("0", Argument(Release.Of(values), "-servers", "--workers"));
        Assert.Equal(values == "gpu" ? "2" : "1", Argument(Release.Of(values), "-workers", "--workers"));
    }

    [Fact]
    public void A_worker_pod_takes_one_accelerator_for_each_of_its_workers()
    {
        var workers = Release.Of("gpu").The(Kind.StatefulSet, "-workers");
        var container = Assert.Single(workers.List("spec.template.spec.containers"));
        Assert.Equal("2", container["resources"]!["limits"]!["nvidia.com/gpu"]!.ToString());
        Assert.Equal("2", container["resources"]!["requests"]!["nvidia.com/gpu"]!.ToString());
        Assert.DoesNotContain("nvidia", Release.Of("gpu").The(Kind.StatefulSet, "-servers").ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("nvidia", Assert.Single(workers.List("spec.template.spec.tolerations")).ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_number_of_pods_is_the_operator_s_where_it_scales()
    {
        Assert.Null(Release.Of("gpu").The(Kind.StatefulSet, "-workers").At("spec.replicas"));
        Assert.Equal("2", Release.Of("trial").The(Kind.StatefulSet, "-workers").Text("spec.replicas"));
    }

    [Theory]
    [InlineData("trial", true)]
    [InlineData("bare", true)]
    [InlineData("gpu", false)]
    [InlineData("production", false)]
    public void Pods_that_share_a_volume_of_one_node_are_held_on_it(string values, bool held)
        => Assert.All(Release.Of(values).Pods().Where(pod => pod.Spec.List("volumes").Any(volume => volume.Text("name") == "data")), pod =>
        {
            var beside = pod.Spec.List("affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution").ToList();
            Assert.Equal(held, beside.Any(term => term.At("labelSelector.matchLabels").Selects(pod.Labels)));
        });

    [Fact]
    public void An_affinity_of_one_s_own_stays_beside_it()
    {
        var own = Release.Of("gpu").The(Kind.StatefulSet, "-workers").At("spec.template.spec.affinity");
        Assert.NotNull(own.At("podAntiAffinity"));
        var both = Release.With("gpu", 3, "data.accessModes={ReadWriteOnce}").The(Kind.StatefulSet, "-workers").At("spec.template.spec.affinity");
        Assert.NotNull(both.At("podAntiAffinity"));
        Assert.NotEmpty(both.List("podAffinity.requiredDuringSchedulingIgnoredDuringExecution"));
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void A_pod_has_time_to_hand_its_work_back_before_it_is_killed(string values)
        => Assert.All(["-servers", "-workers"], set =>
        {
            var pod = Release.Of(values).The(Kind.StatefulSet, set).At("spec.template.spec");
            var before = pod.List("containers").Single().At("lifecycle.preStop.exec.command")?[1]?.ToString() ?? "0";
            var drain = TimeSpan.Parse(SecurityTests.Variable(Release.Of(values), set, "ORCHESTRATOR_DRAINTIMEOUT")!, CultureInfo.InvariantCulture);
            Assert.True(drain > TimeSpan.Zero);
            Assert.InRange(drain.TotalSeconds + int.Parse(before, CultureInfo.InvariantCulture), 1, pod!["terminationGracePeriodSeconds"]!.GetValue<int>() - 10);
        });

    [Fact]
    public void Settings_reach_every_pod_and_another_one_restarts_them()
    {
        var release = Release.Of("production");
        var file = JsonNode.Parse(release.The(Kind.ConfigMap, "-settings").At("data")!["settings.json"]!.ToString());
        Assert.Equal("00:00:01", file.Text("Orchestrator.Membership.Probe"));
        Assert.Equal("Information", file.Text("Logging.LogLevel.Default"));

        static string Mark(Release of) => of.The(Kind.StatefulSet, "-workers").At("spec.template.metadata.annotations")!["orchestrator.dev/settings"]!.ToString();
        Assert.NotEqual(Mark(release), Mark(Release.With("production", 3, "logs.level=Debug")));
        Assert.Equal(Mark(release), Mark(Release.With("production", 3, "workers.replicas=7")));
    }

    /// <summary>The value of an argument of the program, of the stateful set whose name ends so.</summary>
    internal static string? Argument(Release release, string set, string name)
        => release.The(Kind.StatefulSet, set).List("spec.template.spec.containers").Single().List("args").Select(argument => argument.ToString())
            .Where(argument => argument.StartsWith(name + "=", StringComparison.Ordinal)).Select(argument => argument[(name.Length + 1)..]).SingleOrDefault();

    static IEnumerable<string> Unrestricted(JsonObject pod)
    {
        foreach (var name in new[] { "hostNetwork", "hostPID", "hostIPC", "hostUsers" })
            if (pod[name] is not null)
                yield return name;
        if (pod.Text("securityContext.runAsNonRoot") != "true" || pod.Text("securityContext.runAsUser") is null or "0")
            yield return "may be root";
        if (pod.Text("securityContext.seccompProfile.type") != "RuntimeDefault")
            yield return "no seccomp profile";
        foreach (var volume in pod.List("volumes").Select(volume => volume.AsObject()))
            if (!volume.Any(pair => pair.Key is "persistentVolumeClaim" or "emptyDir" or "secret" or "configMap"))
                yield return $"volume {volume.ToJsonString()}";
            else if (volume["emptyDir"] is { } empty && empty["sizeLimit"] is null)
                yield return $"volume {volume.Text("name")} without a bound";
    }

    static IEnumerable<string> Unbound(JsonObject container)
    {
        var security = container["securityContext"];
        if (security.Text("allowPrivilegeEscalation") != "false" || security.At("privileged") is not null)
            yield return "may gain privileges";
        if (security.Text("readOnlyRootFilesystem") != "true")
            yield return "may write to its root";
        if (security.At("capabilities")?.ToJsonString() != """{"drop":["ALL"]}""")
            yield return "has capabilities";
        foreach (var wanted in new[] { "requests.cpu", "requests.memory", "limits.memory" })
            if (container["resources"].At(wanted) is null)
                yield return $"no {wanted}";
        if (container["resources"].At("limits.cpu") is not null)
            yield return "is throttled, and looks dead to its peers";
    }

    static IEnumerable<(Kind Kind, string Name)> References(JsonObject pod)
    {
        yield return (Kind.ServiceAccount, pod.Text("serviceAccountName")!);
        foreach (var volume in pod.List("volumes"))
        {
            if (volume.Text("secret.secretName") is { } secret)
                yield return (Kind.Secret, secret);
            if (volume.Text("configMap.name") is { } map)
                yield return (Kind.ConfigMap, map);
            if (volume.Text("persistentVolumeClaim.claimName") is { } claim)
                yield return (Kind.PersistentVolumeClaim, claim);
        }
        foreach (var variable in pod.List("containers").SelectMany(container => container.List("env")))
            if (variable.Text("valueFrom.secretKeyRef.name") is { } secret)
                yield return (Kind.Secret, secret);
    }
}
