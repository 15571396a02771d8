using Orchestrator.Learning.Adapters;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Cli;

/// <summary>The rule of a spec that only Learning can know: which methods there are.</summary>
static class MethodNames
{
    /// <summary>A problem if no method has the name that the spec gives.</summary>
    public static IEnumerable<Problem> Check(JobSpec spec)
        => spec.Adapter.Method.Length == 0 || Methods.Names.Contains(spec.Adapter.Method)
            ? []
            : [new Problem("adapter.method", $"'{spec.Adapter.Method}'", string.Join(" or ", Methods.Names))];
}
