using System.Text;
using System.Text.Json;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Server.Specs;

/// <summary>Writes a spec as YAML that <see cref="SpecReader"/> reads back to the same spec.</summary>
public static class SpecYaml
{
    /// <summary>A spec with every key, one a line.</summary>
    /// <param name="spec">what to write</param>
    /// <param name="comments">whether each key is explained above it</param>
    public static string Write(JobSpec spec, bool comments)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var yaml = new StringBuilder();
        var group = "";
        foreach (var key in SpecKeys.All)
        {
            if (comments && key.Group != group || comments && key.Group.Length == 0 && yaml.Length > 0)
                yaml.Append('\n');
            if (key.Group != group && key.Group.Length > 0)
                yaml.Append(key.Group).Append(":\n");
            group = key.Group;
            var indent = group.Length > 0 ? "  " : "";
            if (comments)
                yaml.Append(indent).Append("# ").Append(key.Says).Append(Choices(key)).Append('\n');
            yaml.Append(indent).Append(key.Name).Append(": ").Append(Value(key.Value(spec))).Append('\n');
        }
        return yaml.ToString();
    }

    static string Choices(SpecKey key)
        => key.OneOf is { Count: > 1 } words ? $" One of {string.Join(", ", words)}." : key.Range.ToString() is { Length: > 0 } range ? $" {char.ToUpperInvariant(range[0])}{range[1..]}." : "";

    // JSON's scalars and lists are YAML's too; a plain word needs no quotes.
    static string Value(object? value) => value switch
    {
        string text when IsPlainWord(text) => text,
        IReadOnlyList<double> numbers => $"[{string.Join(", ", numbers.Select(number => JsonSerializer.Serialize(number)))}]",
        _ => JsonSerializer.Serialize(value, CanonicalJson.Options),
    };

    static bool IsPlainWord(string text)
        => text.Length > 0 && text is not ("null" or "true" or "false") && (char.IsAsciiLetter(text[0]) || text[0] == '/')
            && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/');
}
