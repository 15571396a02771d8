using System.Globalization;
using System.Text.Json;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Checkpoints;

/// <summary>
/// One checkpoint on disk: <c>adapter.safetensors</c>, <c>optimizer.safetensors</c> and <c>manifest.json</c> in a folder that is either whole or not there.
/// </summary>
static class CheckpointFolder
{
    public const string Adapter = AdapterFile.Name;
    public const string Optimizer = "optimizer.safetensors";
    const string PartialSuffix = ".partial";
    const string GoneSuffix = ".gone";
    const string FirstMoments = "first_moments";
    const string SecondMoments = "second_moments";

    /// <summary>Writes the state under a temporary name, flushes it to disk and renames it. One that is there already stays if it says the same.</summary>
    public static void Write(RunFolder run, JobPlan plan, IAdapter method, StartAdapter start, ReplicaState state, string parameters)
    {
        var folder = run.Checkpoint(state.Step);
        if (Directory.Exists(folder) && IsWhole(folder, parameters))
            return;
        // No other writer's name: on a shared disk another machine may have this process's number.
        var partial = Path.Combine(run.Checkpoints, $".{Path.GetFileName(folder)}.{Guid.NewGuid():N}{PartialSuffix}");
        try
        {
            Directory.CreateDirectory(partial);
            WriteAdapter(Path.Combine(partial, Adapter), plan, method, start, state.Parameters);
            long[] shape = [state.Parameters.Length];
            SafeTensors.Write(Path.Combine(partial, Optimizer),
                [new SafeTensor(FirstMoments, shape, state.FirstMoments), new SafeTensor(SecondMoments, shape, state.SecondMoments)],
                new Dictionary<string, string> { ["step"] = state.Step.ToString() });
            WriteManifest(partial, plan, state.Step, parameters);
            if (Directory.Exists(folder))
                Remove(folder);      // damaged: IsWhole said so
            Directory.Move(partial, folder);
            DurableFolder.Flush(run.Checkpoints);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(folder, e.Message, "a folder that can be written", "make room, or mend its permissions; training goes on from memory");
        }
        finally
        {
            if (Directory.Exists(partial))
                Directory.Delete(partial, recursive: true);
        }
    }

    /// <summary>Deletes a checkpoint: never half of one under its name.</summary>
    public static void Remove(string folder)
    {
        var gone = Path.Combine(Path.GetDirectoryName(folder)!, $".{Path.GetFileName(folder)}{GoneSuffix}");
        if (Directory.Exists(gone))
            Directory.Delete(gone, recursive: true);
        Directory.Move(folder, gone);
        Directory.Delete(gone, recursive: true);
    }

    /// <summary>
    /// Deletes what killed processes left half written or half deleted. Of a step that is not before <paramref name="upTo"/> somebody may be writing still.
    /// </summary>
    public static void RemoveLeftovers(RunFolder run, Step upTo)
    {
        foreach (var left in Directory.EnumerateDirectories(run.Checkpoints, ".step-*"))
        {
            var name = Path.GetFileName(left);
            var digits = name[".step-".Length..].Split('.')[0];
            if ((name.EndsWith(PartialSuffix, StringComparison.Ordinal) || name.EndsWith(GoneSuffix, StringComparison.Ordinal))
                && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var step) && step < upTo.Number)
            {
                Directory.Delete(left, recursive: true);
            }
        }
    }

    /// <summary>The adapter's file: its bytes are a function of the plan's digests and the parameters.</summary>
    public static void WriteAdapter(string path, JobPlan plan, IAdapter method, StartAdapter start, ReadOnlyMemory<float> parameters)
        => SafeTensors.Write(path, [.. start.ToFile(method, parameters)],
            new Dictionary<string, string>(method.FileSizes)
            {
                ["format"] = "pt",
                ["method"] = plan.Spec.Adapter.Method,
                ["spec"] = plan.Digests.Spec,
                ["base"] = plan.Digests.Base,
                ["data"] = plan.Digests.Data,
            });

    static void WriteManifest(string folder, JobPlan plan, Step step, string parameters)
    {
        var digests = new FileDigests(cacheFolder: null);
        var (epoch, iteration) = plan.EpochOf(step.Next);
        var manifest = new Manifest
        {
            Job = plan.Spec.Name,
            Step = step.Number,
            NextEpoch = epoch,
            NextIteration = iteration,
            Parameters = parameters,
            Digests = plan.Digests,
            Files = new[] { Adapter, Optimizer }.ToDictionary(name => name, name => digests.Sha256(Path.Combine(folder, name))),
            Spec = JsonSerializer.Deserialize<JsonElement>(CanonicalJson.Of(plan.Spec)),
        };
        var json = manifest.ToJson();
        AtomicFile.Write(Path.Combine(folder, Manifest.FileName), stream => stream.Write(json));
    }

    static bool IsWhole(string folder, string parameters)
    {
        try
        {
            return Verify(folder).Parameters == parameters;
        }
        catch (ProblemException)
        {
            return false;
        }
    }

    /// <summary>The manifest, once every file has the digest it should have.</summary>
    /// <exception cref="ProblemException">something is missing or damaged; it is named</exception>
    public static Manifest Verify(string folder)
    {
        var manifest = Manifest.Read(folder);
        var digests = new FileDigests(cacheFolder: null);
        foreach (var (name, wanted) in manifest.Files)
        {
            if (name.Length == 0 || name.Contains('\0', StringComparison.Ordinal) || name != Path.GetFileName(name))
                throw new ProblemException(Path.Combine(folder, Manifest.FileName), $"a file named '{name}'", "names of files in this folder", "the checkpoint is damaged; the one before it will do");
            var path = Path.Combine(folder, name);
            var found = digests.Sha256(path);
            if (found != wanted)
                throw new ProblemException(path, $"SHA-256 {found}", wanted, "the checkpoint is damaged; the one before it will do");
        }
        return manifest;
    }

    /// <summary>Reads the state of a verified checkpoint.</summary>
    public static ReplicaState Read(string folder, Manifest manifest, IAdapter method)
    {
        var state = new ReplicaState(method.Layout.Count) { Step = new Step(manifest.Step) };
        var adapterPath = Path.Combine(folder, Adapter);
        using (var adapter = AdapterFile.Read(adapterPath))
            method.FromFile(adapter.Tensors, adapterPath).CopyTo(state.Parameters, 0);
        var optimizerPath = Path.Combine(folder, Optimizer);
        using var optimizer = TensorFile.Open(optimizerPath);
        Copy(FirstMoments, state.FirstMoments);
        Copy(SecondMoments, state.SecondMoments);
        return state;

        void Copy(string name, float[] into)
        {
            if (optimizer.Find(name) is not { } entry || entry.Shape.Count != 1 || entry.Shape[0] != into.Length)
                throw new ProblemException($"{optimizerPath} tensor {name}", "another shape or none", $"[{into.Length}]", "the checkpoint is of another job");
            using var tensor = optimizer.Load(name);
            tensor.data<float>().CopyTo(into, 0);
        }
    }
}
