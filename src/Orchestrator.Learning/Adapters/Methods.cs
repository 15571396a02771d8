using Orchestrator.Learning.Llama;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Learning.Adapters;

/// <summary>The methods by name: the only switch on one.</summary>
public static class Methods
{
    /// <summary>The names of all methods.</summary>
    public static IReadOnlyList<string> Names { get; } = ["llama-adapter", "full"];

    /// <summary>The method that a spec names, for a base of these shapes.</summary>
    /// <exception cref="ProblemException">there is no such method, or its sizes don't fit the base</exception>
    public static IAdapter Of(AdapterSpec spec, LlamaConfig config)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Method switch
        {
            "llama-adapter" => new ZeroInitAttention(spec, config),
            "full" => new FullFineTuning(config),
            _ => throw new ProblemException("adapter.method", spec.Method, $"one of {string.Join(", ", Names)}"),
        };
    }
}
