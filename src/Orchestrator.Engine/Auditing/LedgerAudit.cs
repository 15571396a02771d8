using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Engine.Auditing;

/// <summary>
/// Checks what a run's folder says about itself: the ledger's chain, and that the head, <c>run.json</c>, every checkpoint and the adapter agree with it, down to the
/// trained numbers. Nothing is computed again; that is <see cref="StepVerifier"/>'s.
/// </summary>
public sealed class LedgerAudit
{
    readonly RunFolder run;
    readonly List<Problem> partings = [];
    readonly List<string> notes = [];

    LedgerAudit(RunFolder run) => this.run = run;

    /// <summary>Checks a run.</summary>
    /// <param name="run">its folder</param>
    /// <param name="stop">gives up</param>
    /// <exception cref="ProblemException">there is no ledger</exception>
    public static AuditResult Of(RunFolder run, CancellationToken stop = default) => new LedgerAudit(run).Check(stop);

    AuditResult Check(CancellationToken stop)
    {
        var ledger = RunLedger.Read(run);
        if (ledger.Break is { } broken)
            partings.Add(broken);
        if (ledger.Head is not { } head)
            return new AuditResult(0, partings, notes);
        if (ledger.Lines.Count > head.Steps)
            Part(run.Ledger, $"{ledger.Lines.Count} steps", $"at most {head.Steps}, as its first line says");

        var summary = Try(() => RunSummary.Read(run));
        if (summary is not null)
            CheckSummary(summary, head, ledger);
        var method = summary is null ? null : MethodOf(summary.Spec);
        foreach (var step in CheckpointReader.Steps(run))
        {
            stop.ThrowIfCancellationRequested();
            CheckCheckpoint(step, head, ledger, method);
        }
        if (summary?.State == "completed")
            CheckAdapter(summary, head, ledger, method);
        return new AuditResult(ledger.Lines.Count, partings, notes);
    }

    void CheckSummary(RunSummary summary, LedgerHead head, RunLedger ledger)
    {
        Same("digests", summary.Digests, DigestsOf(head));
        Same("kind", summary.Kind, head.Kind);
        Same("steps", summary.Steps, head.Steps);
        Same("spec", Try(() => DigestOf(summary.Spec)), head.Spec);
        if (summary.State is not ("completed" or "interrupted"))
            return;
        if (summary.Step > ledger.Lines.Count && ledger.Break is not null)
            return;      // the break is named; what lies behind it cannot be compared
        if (summary.Step > ledger.Lines.Count || (summary.State == "completed" && summary.Step != ledger.Lines.Count))
            Part($"{run.Summary} step", $"{summary.Step}", $"{ledger.Lines.Count}, as the ledger has it");
        else if (summary.Step > 0)
            Same("loss", summary.Loss, ledger.Lines[(int)summary.Step - 1].Loss);

        void Same<T>(string field, T found, T expected)
        {
            if (!EqualityComparer<T>.Default.Equals(found, expected))
                Part($"{run.Summary} {field}", $"{found}", $"{expected}, as the ledger has it");
        }
    }

    void CheckCheckpoint(Step step, LedgerHead head, RunLedger ledger, IAdapter? method)
    {
        var folder = run.Checkpoint(step);
        if (Try(() => CheckpointFolder.Verify(folder)) is not { } manifest)
            return;
        var place = Path.Combine(folder, Manifest.FileName);
        if (manifest.Step != step.Number)
            Part($"{place} step", $"{manifest.Step}", $"{step}, as its folder's name says");
        if (manifest.Digests != DigestsOf(head))
            Part($"{place} digests", $"{manifest.Digests}", $"{DigestsOf(head)}, as the ledger has it");
        if (Try(() => DigestOf(manifest.Spec.Deserialize<JobSpec>(CanonicalJson.Options)!)) is { } spec && spec != head.Spec)
            Part($"{place} spec", spec, $"{head.Spec}, as the ledger has it");
        CompareNumbers(Path.Combine(folder, CheckpointFolder.Adapter), step, ledger, method, manifest.Parameters, place);
    }

    void CheckAdapter(RunSummary summary, LedgerHead head, RunLedger ledger, IAdapter? method)
    {
        if (Try(() => new FileDigests(cacheFolder: null).Sha256(run.Adapter)) is not { } digest)
            return;
        if (digest != summary.AdapterSha256)
            Part(run.Adapter, $"SHA-256 {digest}", $"{summary.AdapterSha256}, as {run.Summary} has it", "the adapter is damaged, or of another run; a checkpoint holds it too");
        else
            CompareNumbers(run.Adapter, new Step(summary.Step), ledger, method, manifest: null, run.Adapter);
    }

    // What a file holds, what its manifest says of it, and what the ledger says the step ended with are one digest.
    void CompareNumbers(string adapter, Step step, RunLedger ledger, IAdapter? method, string? manifest, string place)
    {
        var written = step == Step.Start || step.Number > ledger.Lines.Count ? null : ledger.Lines[(int)step.Number - 1].Parameters;
        if (written is null)
        {
            if (ledger.Break is null && step != Step.Start)
                Part(place, $"the state of step {step}", $"at most step {ledger.Lines.Count}, where the ledger ends");
            return;
        }
        if (manifest is not null && manifest != written)
            Part($"{place} parameters", manifest, $"{written}, as the ledger has it for step {step}");
        if (method is not null && Try(() => NumbersOf(adapter, method)) is { } held && held != written)
            Part(adapter, $"trained numbers with SHA-256 {held}", $"{written}, as the ledger has it for step {step}");
    }

    static string NumbersOf(string path, IAdapter method)
    {
        using var adapter = AdapterFile.Read(path);
        return Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(method.FromFile(adapter.Tensors, path).AsSpan())));
    }

    // Only the base's shapes are needed; a run that was moved to a machine without the base can be audited in all the rest.
    IAdapter? MethodOf(JobSpec spec)
    {
        try
        {
            using var folder = ModelFolder.Open(spec.Model.Path);
            return Methods.Of(spec.Adapter, folder.Config);
        }
        catch (ProblemException)
        {
            notes.Add($"the base is not at {spec.Model.Path}: the adapters' numbers were not compared with the ledger, only their files' digests");
            return null;
        }
    }

    static JobDigests DigestsOf(LedgerHead head) => new(head.Spec, head.Base, head.Data, head.Init);

    static string DigestOf(JobSpec spec) => CanonicalJson.Digest(CanonicalJson.ResultDefining(spec));

    void Part(string place, string found, string expected, string remedy = "") => partings.Add(new Problem(place, found, expected, remedy));

    T? Try<T>(Func<T> read) where T : class
    {
        try
        {
            return read();
        }
        catch (ProblemException problem)
        {
            partings.AddRange(problem.Problems);
        }
        catch (Exception damage) when (damage is JsonException or ArgumentException or NullReferenceException)
        {
            partings.Add(new Problem(run.Path, damage.Message, "a spec"));
        }
        return null;
    }
}
