using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>Secrets, certificates, rights.</summary>
public class SecurityTests
{
    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void What_is_secret_stands_in_secrets_only(string values)
    {
        var release = Release.Of(values);
        var secrets = release.Of(Kind.Secret).SelectMany(secret => secret["data"]!.AsObject()).Where(entry => entry.Key != "ca.crt")
            .SelectMany(entry => new[] { entry.Value!.ToString(), Encoding.UTF8.GetString(Convert.FromBase64String(entry.Value!.ToString())) }).ToList();
        Breaches.None(from manifest in release.Manifests
                      where manifest.Text("kind") != "Secret"
                      from secret in secrets
                      where manifest.ToJsonString().Contains(secret, StringComparison.Ordinal)
                      select $"{manifest.Text("kind")} {manifest.Name()}");
        Assert.DoesNotContain(release.Containers().SelectMany(item => item.Container.List("env")), variable =>
            variable["value"] is not null && variable.Text("name") is "ORCHESTRATOR_DATABASE" or "ORCHESTRATOR_TOKEN" or "POSTGRES_PASSWORD");
        Assert.DoesNotContain(release.Containers().SelectMany(item => item.Container.List("args")), argument => secrets.Any(secret => argument.ToString().Contains(secret, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_chart_s_own_certificate_is_good_for_every_name_that_is_dialled_and_for_both_ends()
    {
        var release = Release.Of("trial");
        var secret = release.The(Kind.Secret, "-tls");
        using var authority = X509Certificate2.CreateFromPem(Decoded(secret, "ca.crt"));
        using var certificate = X509Certificate2.CreateFromPem(Decoded(secret, "tls.crt"), Decoded(secret, "tls.key"));
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        Assert.True(chain.Build(certificate));
        Assert.False(authority.HasPrivateKey);

        Assert.All([Variable(release, "-servers", "ORCHESTRATOR_SECURITY__PEERNAME")!, "release-orchestrator", "release-orchestrator-servers-0.release-orchestrator-servers.train.svc.cluster.local",
            "release-orchestrator-workers-11.release-orchestrator-workers.train.svc", "localhost", "127.0.0.1"], name => Assert.True(certificate.MatchesHostname(name), name));
        Assert.False(certificate.MatchesHostname("release-orchestrator.other.svc"));

        var uses = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages;
        Assert.Equal(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"], uses.Cast<System.Security.Cryptography.Oid>().Select(use => use.Value).Order());
    }

    [Fact]
    public void Cert_manager_is_asked_for_the_same_names_and_both_ends()
    {
        var certificate = Release.Of("production").The(Kind.Certificate, "");
        var names = certificate.List("spec.dnsNames").Select(name => name.ToString()).ToList();
        Assert.Contains(Variable(Release.Of("production"), "-workers", "ORCHESTRATOR_SECURITY__PEERNAME"), names);
        Assert.Contains("train.example.com", names);
        Assert.Contains("client auth", certificate.List("spec.usages").Select(usage => usage.ToString()));
        Assert.Contains("server auth", certificate.List("spec.usages").Select(usage => usage.ToString()));
        Assert.DoesNotContain(Release.Of("production").Of(Kind.Secret), secret => secret.Text("type") == "kubernetes.io/tls");
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Nothing_is_served_in_clear_text_unless_told_so(string values)
    {
        var insecure = values == "bare";
        Assert.All(Release.Of(values).Of(Kind.StatefulSet).Where(set => !set.Name().EndsWith("-database", StringComparison.Ordinal)), set =>
        {
            var container = set.List("spec.template.spec.containers").Single();
            var arguments = container.List("args").Select(argument => argument.ToString()).ToList();
            Assert.Equal(insecure, arguments.Contains("--insecure"));
            var told = container.List("env").Select(variable => variable.Text("name")).ToHashSet();
            Assert.All(["CERTIFICATE", "KEY", "AUTHORITY", "PEERNAME"], name => Assert.Equal(!insecure, told.Contains($"ORCHESTRATOR_SECURITY__{name}")));
            Assert.All(["startupProbe", "readinessProbe", "livenessProbe"], probe => Assert.Equal(insecure ? "HTTP" : "HTTPS", container.Text($"{probe}.httpGet.scheme")));
        });
    }

    [Fact]
    public void Only_servers_have_the_admin_s_token()
    {
        Assert.Equal("/admin/token", Variable(Release.Of("trial"), "-servers", "ORCHESTRATOR_SECURITY__ADMINTOKEN"));
        Assert.DoesNotContain("admin", Release.Of("trial").The(Kind.StatefulSet, "-workers").ToJsonString(), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Release.Each), MemberType = typeof(Release))]
    public void Rights_are_the_least_and_belong_to_the_servers_alone(string values)
    {
        var release = Release.Of(values);
        Breaches.None(from role in release.Of(Kind.Role).Concat(release.Of(Kind.ClusterRole))
                      from rule in role.List("rules")
                      from list in new[] { "apiGroups", "resources", "verbs" }
                      from word in rule.List(list)
                      where word.ToString() is "*" or "secrets" or "pods" or "pods/exec" or "delete" or "deletecollection" or "escalate" or "bind" or "impersonate"
                      select $"{role.Name()}: {word}");
        Assert.All(release.Of(Kind.RoleBinding).Concat(release.Of(Kind.ClusterRoleBinding)), binding =>
        {
            var role = Assert.Single(release.Manifests, manifest => manifest.Text("kind") == binding.Text("roleRef.kind") && manifest.Name() == binding.Text("roleRef.name")
                                                                    && manifest.Text("metadata.namespace") == binding.Text("metadata.namespace"));
            var subject = Assert.Single(binding.List("subjects"));
            Assert.Equal(release.The(Kind.StatefulSet, "-servers").Text("spec.template.spec.serviceAccountName"), subject.Text("name"));
            Assert.Equal(Release.Namespace, subject.Text("namespace"));
            Assert.NotEmpty(role.List("rules"));
        });
        if (values is "trial" or "gpu" or "bare")
            Assert.Empty(release.Of(Kind.ClusterRole));
        if (values == "bare")
            Assert.Empty(release.Of(Kind.Role));
    }

    [Fact]
    public void The_operator_may_do_what_it_has_to_in_each_of_its_namespaces()
    {
        var release = Release.Of("production");
        var roles = release.Of(Kind.Role).ToDictionary(role => role.Text("metadata.namespace")!);
        Assert.Equal([Release.Namespace, "team-a", "team-b"], roles.Keys.Order().OrderByDescending(space => space == Release.Namespace));
        Assert.All(roles.Values, role => Assert.True(May(role, "orchestrator.dev", "trainingjobs", "watch") && May(role, "orchestrator.dev", "trainingjobs/status", "patch") && May(role, "events.k8s.io", "events", "create")));
        Assert.Equal("train,team-a,team-b", Variable(release, "-servers", "ORCHESTRATOR_OPERATOR__NAMESPACES"));
        Assert.Equal("*", Variable(Release.Of("ingress"), "-servers", "ORCHESTRATOR_OPERATOR__NAMESPACES"));

        var scaling = Release.Of("gpu").The(Kind.Role, "-scaling");
        Assert.True(May(scaling, "apps", "statefulsets/scale", "patch"));
        Assert.Equal(Release.Of("gpu").The(Kind.StatefulSet, "-workers").Name(), Assert.Single(Assert.Single(scaling.List("rules")).List("resourceNames")).ToString());
        Assert.Equal("train/release-orchestrator-workers", Variable(Release.Of("gpu"), "-servers", "ORCHESTRATOR_OPERATOR__WORKERS"));
    }

    static string Decoded(JsonObject secret, string key) => Encoding.UTF8.GetString(Convert.FromBase64String(secret["data"]![key]!.ToString()));

    static bool May(JsonObject role, string group, string resource, string verb) => role.List("rules").Any(rule =>
        rule.List("apiGroups").Any(word => word.ToString() == group) && rule.List("resources").Any(word => word.ToString() == resource) && rule.List("verbs").Any(word => word.ToString() == verb));

    /// <summary>The value of an environment variable of the program, of the stateful set whose name ends so.</summary>
    internal static string? Variable(Release release, string set, string name)
        => release.The(Kind.StatefulSet, set).List("spec.template.spec.containers").Single().List("env").Single(variable => variable.Text("name") == name).Text("value");
}
