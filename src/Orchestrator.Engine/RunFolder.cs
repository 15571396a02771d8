using System.Globalization;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>Where the files of a run lie.</summary>
/// <param name="Path">the run's folder</param>
public sealed record RunFolder(string Path)
{
    /// <summary>The result.</summary>
    public string Adapter => In("adapter.safetensors");

    /// <summary>What the run was, and how it went.</summary>
    public string Summary => In("run.json");

    /// <summary>One line per committed step, chained.</summary>
    public string Ledger => In("ledger.jsonl");

    /// <summary>Times and rates, one line per committed step; not part of the result.</summary>
    public string Metrics => In("metrics.jsonl");

    /// <summary>What happened to the job, numbered, one line an event; of a job of a cluster.</summary>
    public string Events => In("events.jsonl");

    /// <summary>The run as a page.</summary>
    public string Report => In("report.html");

    /// <summary>The checkpoints' folder.</summary>
    public string Checkpoints => In("checkpoints");

    /// <summary>The folder of the coordinator's saved state.</summary>
    public string State => In("state");

    /// <summary>The folder of a step's checkpoint.</summary>
    public string Checkpoint(Step step) => System.IO.Path.Combine(Checkpoints, "step-" + step.Number.ToString("D8", CultureInfo.InvariantCulture));

    string In(string name) => System.IO.Path.Combine(Path, name);
}
