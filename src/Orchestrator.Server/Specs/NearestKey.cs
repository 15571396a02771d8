using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Server.Specs;

/// <summary>What somebody who wrote an unknown key may have meant.</summary>
static class NearestKey
{
    /// <summary>The path of the nearest known key, or null if none is near: a slip of the pen, another spelling (<c>max_length</c>), or another group.</summary>
    public static string? To(string path)
    {
        var (group, name) = Split(path);
        return SpecKeys.All.Select(key => key.Path).Concat(SpecKeys.Groups)
            .Select(known => (Path: known, Far: Distance(Plain(name), Plain(Split(known).Name)), Elsewhere: Split(known).Group != group))
            .Where(known => known.Far <= Math.Max(1, Plain(name).Length / 3))
            .OrderBy(known => known.Far + (known.Elsewhere ? 0.5 : 0))
            .Select(known => known.Path)
            .FirstOrDefault()
            ?? SpecKeys.All.FirstOrDefault(key => name.Length >= 4 && key.Group == group && Plain(key.Name).Contains(Plain(name), StringComparison.Ordinal))?.Path;
    }

    static (string Group, string Name) Split(string path) => path.LastIndexOf('.') is >= 0 and var dot ? (path[..dot], path[(dot + 1)..]) : ("", path);

    // learning_rate, learning-rate and LearningRate are all spelled learningrate.
    static string Plain(string name) => name.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();

    // Damerau's distance: letters changed, left out, added, or two neighbours swapped.
    static int Distance(string from, string to)
    {
        var d = new int[from.Length + 1, to.Length + 1];
        for (var i = 0; i <= from.Length; i++)
            for (var j = 0; j <= to.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    d[i, j] = i + j;
                    continue;
                }
                var change = from[i - 1] == to[j - 1] ? 0 : 1;
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        return d[from.Length, to.Length];
    }
}
