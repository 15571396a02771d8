using System.Text.Json;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Specs;

/// <summary>One key given on the command line, which wins over the file.</summary>
/// <param name="Path">the key: <c>training.epochs</c></param>
/// <param name="Value">its value, in YAML</param>
/// <param name="Place">what the user wrote, for problems: <c>--workers</c></param>
public sealed record SpecOverride(string Path, string Value, string Place)
{
    /// <summary>An override with a text as it is, whatever YAML would make of it.</summary>
    public static SpecOverride OfText(string path, string text, string place) => new(path, JsonSerializer.Serialize(text), place);

    /// <summary>Reads <c>path=value</c>.</summary>
    /// <exception cref="ProblemException">there is no equals sign, or nothing before it</exception>
    public static SpecOverride Parse(string set)
    {
        ArgumentNullException.ThrowIfNull(set);
        var sign = set.IndexOf('=', StringComparison.Ordinal);
        return sign > 0
            ? new SpecOverride(set[..sign].Trim(), set[(sign + 1)..], $"--set {set[..sign].Trim()}")
            : throw new ProblemException($"--set {set}", "no value", "path=value", "for example --set training.epochs=3");
    }
}
