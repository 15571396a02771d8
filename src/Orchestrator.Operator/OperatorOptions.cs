using System.ComponentModel.DataAnnotations;

namespace Orchestrator.Operator;

/// <summary>What the operator looks after. The chart sets it on the servers; one of them works, the others would take over.</summary>
public sealed record OperatorOptions
{
    /// <summary>Whether this server may be the one that makes jobs of <c>TrainingJob</c> resources. Off by default.</summary>
    public bool Enabled { get; init; }

    /// <summary>Namespaces whose resources it takes, with commas between them, or <c>*</c> for all; <c>default</c> by default.</summary>
    [RegularExpression(@"\*|[a-z0-9-]{1,63}(,[a-z0-9-]{1,63})*", ErrorMessage = "names of namespaces with commas between them, or *,")]
    public string Namespaces { get; init; } = "default";

    /// <summary>A file that says where the API server is and who calls it; by default what a pod is given by its service account.</summary>
    public string? Kubeconfig { get; init; }

    /// <summary>What an autoscaler is told selects the pods of workers: <c>app.kubernetes.io/component=workers</c>.</summary>
    public string? Selector { get; init; }

    /// <summary>The StatefulSet of workers whose size it sets, <c>NAMESPACE/NAME</c>; without one it sets none.</summary>
    [RegularExpression("[a-z0-9-]{1,63}/[a-z0-9-]{1,63}", ErrorMessage = "a StatefulSet, NAMESPACE/NAME,")]
    public string? Workers { get; init; }

    /// <summary>Workers of one of its pods. 1 to 1,024, 1 by default.</summary>
    [Range(1, 1024)]
    public int WorkersPerPod { get; init; } = 1;

    /// <summary>Fewest pods. 0 to 1,024, 0 by default.</summary>
    [Range(0, 1024)]
    public int PodsMin { get; init; }

    /// <summary>Most pods. 0 to 1,024, 8 by default.</summary>
    [Range(0, 1024)]
    public int PodsMax { get; init; } = 8;

    /// <summary>Seconds for which pods have been too many before some go. 0 to 86,400, 300 by default.</summary>
    [Range(0, 86_400)]
    public int IdleSeconds { get; init; } = 300;

    /// <summary>The namespaces one by one; null is all of them.</summary>
    internal IReadOnlyList<string>? Spaces => Namespaces == "*" ? null : [.. Namespaces.Split(',').Distinct(StringComparer.Ordinal)];
}
