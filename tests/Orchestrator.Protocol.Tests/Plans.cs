using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Tests;

/// <summary>Plans to test with.</summary>
static class Plans
{
    public static JobPlan Of(TrainingSpec training, int samples, bool shuffle = true, int validation = 0, CheckpointSpec? checkpoint = null, EvaluationSpec? evaluation = null, double? audits = null) => new()
    {
        Spec = new JobSpec
        {
            Name = "test",
            Data = new DataSpec { Shuffle = shuffle },
            Training = training,
            Checkpoint = checkpoint ?? new CheckpointSpec(),
            Audit = new AuditSpec { Share = audits },
            Evaluation = evaluation ?? new EvaluationSpec(),
        },
        TrainingSamples = samples,
        ValidationSamples = validation,
        Parameters = 4,
        Digests = new JobDigests("s", "b", "d", ""),
        Kind = "test",
    };
}

/// <summary>The project's folder, and what lies beside it.</summary>
static class Repository
{
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>A file beside the project that every developer and CI have; the test is skipped where it is missing.</summary>
    public static string Shared(string relative)
    {
        var path = Path.GetFullPath(Path.Combine(Root, "..", "shared", relative));
        if (!File.Exists(path))
            Assert.Skip($"{path} is not there");
        return path;
    }

    static string Find(string folder) => File.Exists(Path.Combine(folder, "Orchestrator.sln")) ? folder
        : Find(Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("no Orchestrator.sln above the tests"));
}
