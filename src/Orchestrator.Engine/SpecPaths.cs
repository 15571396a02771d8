using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine;

/// <summary>Which files a spec may name: those below certain folders. A path with <c>..</c> is refused, one that leads out through a link too.</summary>
public static class SpecPaths
{
    const int LinksMax = 40;      // as many as Linux follows

    /// <summary>The paths of a spec that lead elsewhere. What is named by its digest is no path.</summary>
    /// <param name="spec">the spec; a relative path is one below a root already, whichever that is</param>
    /// <param name="roots">the folders; null allows everything</param>
    public static IEnumerable<Problem> Outside(JobSpec spec, IReadOnlyList<string>? roots)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (roots is null)
            yield break;
        (string Key, string? Path)[] paths = [("model.path", spec.Model.Path), ("model.tokenizer", spec.Model.Tokenizer), ("adapter.init", spec.Adapter.Init), ("data.path", spec.Data.Path)];
        foreach (var (key, path) in paths)
        {
            if (path is not { Length: > 0 } || path.StartsWith(LocalFiles.DigestPrefix, StringComparison.Ordinal) || IsInside(path, roots))
                continue;
            yield return new Problem(key, $"'{path}'", roots.Count == 0 ? "something that is named by its digest" : $"a path below {string.Join(" or ", roots)}", "no .. and no link may lead out of there");
        }
    }

    static bool IsInside(string path, IReadOnlyList<string> roots)
    {
        if (Parts(path).Contains(".."))
            return false;
        return !Path.IsPathRooted(path) ? roots.Count > 0 && roots.All(root => IsBelow(Path.Combine(root, path), root)) : roots.Any(root => IsBelow(path, root));
    }

    static bool IsBelow(string path, string root)
        => Real(Path.GetFullPath(root)) is { } folder && Real(path) is { } real && (real == folder || real.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal));

    // The path behind all links on the way; null where they go in circles.
    static string? Real(string path)
    {
        var at = Path.GetPathRoot(path)!;
        var rest = new Stack<string>(Parts(path[at.Length..]).Reverse());
        for (var links = 0; rest.TryPop(out var part);)
        {
            if (part is "" or ".")
                continue;
            if (part == "..")      // of a link's target; what stands before it is real already
            {
                at = Path.GetDirectoryName(at) ?? at;
                continue;
            }
            var next = Path.Combine(at, part);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                at = next;
                continue;
            }
            if (++links > LinksMax)
                return null;
            if (Path.GetPathRoot(target) is { Length: > 0 } start)
                (at, target) = (start, target[start.Length..]);
            foreach (var further in Parts(target).Reverse())
                rest.Push(further);
        }
        return at;
    }

    static string[] Parts(string path) => path.Split(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);
}
