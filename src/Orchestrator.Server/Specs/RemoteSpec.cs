using Orchestrator.Engine;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Server.Specs;

/// <summary>What a spec may name that is read on another machine than it was written on.</summary>
public static class RemoteSpec
{
    /// <summary>How a spec names uploaded records: <c>sha256:</c> and their digest.</summary>
    public const string Uploaded = "sha256:";

    /// <summary>The digest of a path that names uploaded bytes; null of any other.</summary>
    public static string? DigestOf(string? path) => path?.StartsWith(Uploaded, StringComparison.Ordinal) == true ? path[Uploaded.Length..] : null;

    /// <summary>Whether a text is a SHA-256 as it is written here: 64 hexadecimal digits in lower case.</summary>
    public static bool IsDigest(string? text) => text is { Length: 64 } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Paths that mean something on one machine only. Models are looked for in the servers' own folders, records are not.</summary>
    /// <returns>problems whose place is the key's path</returns>
    public static IEnumerable<Problem> Check(JobSpec spec)
    {
        if (DigestOf(spec.Data.Path) is { } digest && !IsDigest(digest))
            yield return new("data.path", $"'{spec.Data.Path}'", $"{Uploaded} and 64 hexadecimal digits in lower case");
        else if (DigestOf(spec.Data.Path) is null && spec.Data.Path.Length > 0 && !Path.IsPathRooted(spec.Data.Path))
            yield return new("data.path", $"'{spec.Data.Path}'", "a whole path, as the servers see it", $"or upload the records and name them {Uploaded}DIGEST");
    }
}

/// <summary>Which files the specs of jobs may name.</summary>
/// <param name="Roots">folders below which they are; null is anywhere</param>
sealed record PathRules(IReadOnlyList<string>? Roots)
{
    /// <summary>Paths that lead elsewhere. Workers look again, with the files before them.</summary>
    public IEnumerable<Problem> Check(JobSpec spec) => SpecPaths.Outside(spec, Roots);
}
