using System.Globalization;
using Orchestrator.Engine.Auditing;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Harness;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;

namespace Orchestrator.Engine.Tests;

/// <summary>
/// The files of a run against damage, as the files of a base are in Learning's tests: only clean problems. <c>ORCHESTRATOR_FUZZ=10000</c> for the long form,
/// <c>ORCHESTRATOR_FUZZ_SEED</c> for one input.
/// </summary>
public sealed class RunFilesFuzzTests(AuditTests.Finished finished) : IClassFixture<AuditTests.Finished>
{
    static int Inputs => int.Parse(Environment.GetEnvironmentVariable("ORCHESTRATOR_FUZZ") ?? "200", CultureInfo.InvariantCulture);

    [Fact]
    public void Of_a_damaged_ledger_comes_where_it_parts()
        => Damage(finished.Run.Ledger, () => Assert.True(RunLedger.Read(finished.Run).Lines.Count <= finished.Plan.Last.Number + 1));

    [Fact]
    public void Of_a_damaged_summary_comes_one_problem() => Damage(finished.Run.Summary, () => RunSummary.Read(finished.Run));

    [Fact]
    public void Of_a_damaged_checkpoint_comes_one_problem_and_the_one_before_is_the_newest()
    {
        using var folder = ModelFolder.Open(finished.Plan.Spec.Model.Path);
        var method = Methods.Of(finished.Plan.Spec.Adapter, folder.Config);
        var before = CheckpointReader.Steps(finished.Run)[^2];
        foreach (var file in Directory.GetFiles(finished.Run.Checkpoint(finished.Plan.Last)))
        {
            Damage(file, () =>
            {
                var newest = CheckpointReader.Newest(finished.Run, finished.Plan, finished.Plan.Last, _ => { });
                Assert.True(newest == finished.Plan.Last || newest == before);
                CheckpointReader.Read(finished.Run, finished.Plan, finished.Plan.Last, method);
            });
        }
    }

    static void Damage(string path, Action read)
    {
        var whole = File.ReadAllBytes(path);
        try
        {
            var only = Environment.GetEnvironmentVariable("ORCHESTRATOR_FUZZ_SEED") is { } seed ? int.Parse(seed, CultureInfo.InvariantCulture) : (int?)null;
            for (var input = only ?? 0; input <= (only ?? Inputs - 1); input++)
            {
                File.WriteAllBytes(path, Mutation.Of(whole, whole, new Random(input)));
                try
                {
                    read();
                }
                catch (ProblemException)
                {
                }
                catch (Exception e)
                {
                    Assert.Fail($"{Path.GetFileName(path)}, ORCHESTRATOR_FUZZ_SEED={input}: {e}");
                }
            }
        }
        finally
        {
            File.WriteAllBytes(path, whole);
        }
    }
}
