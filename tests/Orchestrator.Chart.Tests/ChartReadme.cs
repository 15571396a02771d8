using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>The chart's README: how it is used, and its values as <c>values.yaml</c> explains them.</summary>
static class ChartReadme
{
    static readonly JsonSerializerOptions plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The text.</summary>
    public static string Of(IReadOnlyList<ChartValue> values)
    {
        var text = new StringBuilder(Usage);
        foreach (var group in values.GroupBy(value => value.Path.Contains('.', StringComparison.Ordinal) ? value.Path.Split('.')[0] : ""))
        {
            if (group.Key.Length > 0)
                text.Append($"\n### {group.Key}\n\n");
            if (ValuesFile.OfGroup(group.Key) is { Length: > 0 } says)
                text.Append(says).Append("\n\n");
            text.Append("| value | default | |\n| --- | --- | --- |\n");
            foreach (var value in group)
                text.Append($"| `{value.Path}` | {Shown(value.Default)} | {value.Says.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
        }
        return text.ToString();
    }

    static string Shown(JsonNode? value) => value switch
    {
        JsonValue text when text.GetValueKind() == JsonValueKind.String && text.ToString().Length == 0 => "",
        JsonValue text when text.GetValueKind() == JsonValueKind.String => $"`{text}`",
        _ => $"`{value?.ToJsonString(plain) ?? "null"}`",
    };

    const string Usage = """
        <!-- Generated from values.yaml: a test rewrites it. -->
        # Orchestrator's chart

        Servers without accelerators (API, page, operator) and workers with them, of one image; a volume for bases, one for what jobs write; PostgreSQL from a secret, or a small one
        for a trial. Everything is encrypted and nobody may call without a token, unless told otherwise. Tried with helm 3.17 and 4.1; manifests are checked against Kubernetes' own types.
        The rules of a `TrainingJob` about several keys take effect from Kubernetes 1.25 on.

        ## Install

        ```sh
        docker build -f deploy/Dockerfile -t REGISTRY/orchestrator:0.1.0 . && docker push REGISTRY/orchestrator:0.1.0
        helm install orchestrator helm/orchestrator -n train --create-namespace --set image.repository=REGISTRY/orchestrator --set trial=true
        helm test orchestrator -n train
        ```

        To keep results, give it a database of its own and a volume that many nodes mount:

        ```sh
        kubectl -n train create secret generic orchestrator-postgresql --from-literal=connection='Host=…;Username=…;Password=…;Database=…'
        helm install orchestrator helm/orchestrator -n train --set image.repository=REGISTRY/orchestrator \
          --set database.existingSecret=orchestrator-postgresql --set models.existingClaim=models --set data.storageClassName=nfs
        ```

        GPUs: build with `--build-arg DEVICE=cuda`, and set `workers.accelerator.resource=nvidia.com/gpu`. [ci](ci) has whole files of values: a trial, production with cert-manager, GPUs
        that come and go with the jobs, a bare cluster, an ingress.

        ## Upgrade, and uninstall

        `helm upgrade` restarts servers, and workers, one after the other; jobs go on. Helm does not upgrade what lies in `crds/`: `kubectl apply --server-side -f helm/orchestrator/crds` does.
        Certificates, the admin's token and the trial's password are made once and read back from the cluster, so a tool that renders without a cluster (`helm template` in a pipeline)
        makes new ones each time: there, use `tls.mode=cert-manager` or `existing`, and `auth.adminTokenSecret`. Delete TrainingJobs before
        you uninstall, while somebody is there to cancel them: `helm uninstall` leaves them, and the volume of jobs (`data.keep`).

        ## Values


        """;
}
