using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Server.Specs;

/// <summary>The spec that <c>orchestrator new</c> writes: every default, and paths to be replaced.</summary>
public static class SpecExample
{
    /// <summary>The example.</summary>
    public static JobSpec Spec { get; } = new()
    {
        Name = "alpaca-7b",
        Model = new ModelSpec { Path = "/models/llama-7b" },
        Data = new DataSpec { Path = "alpaca_data.json" },
    };

    /// <summary>The example's text, with each key explained.</summary>
    public static string Text(JobSpec spec) =>
        """
        # A job for Orchestrator: what to train, on what. Only model.path and data.path are needed; everything else stands here at its default.
        # Try it:   orchestrator validate job.yaml
        # Train it: orchestrator train job.yaml --workers 2


        """ + SpecYaml.Write(spec, comments: true);
}
