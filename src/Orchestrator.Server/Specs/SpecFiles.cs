using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Server.Specs;

/// <summary>Whether what a spec names is there. Only the machine that trains can say.</summary>
public static class SpecFiles
{
    /// <summary>The files and folders that a spec names and this machine lacks.</summary>
    /// <returns>problems whose place is the key's path</returns>
    public static IEnumerable<Problem> Missing(JobSpec spec)
    {
        if (spec.Model.Path.Length > 0 && !Directory.Exists(spec.Model.Path))
            yield return new("model.path", $"nothing at {spec.Model.Path}", "a folder in Meta's or Hugging Face's layout");
        foreach (var (path, file, what) in new[]
        {
            ("model.tokenizer", spec.Model.Tokenizer, "a tokenizer's file"),
            ("adapter.init", spec.Adapter.Init, "an adapter's file or folder"),
            ("data.path", spec.Data.Path, "a file of records"),
        })
            if (file is { Length: > 0 } && !Path.Exists(file))
                yield return new(path, $"nothing at {file}", what);
    }
}
