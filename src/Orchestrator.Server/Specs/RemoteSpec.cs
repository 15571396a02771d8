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

    /// <summary>Paths that mean something on one machine only.</summary>
    /// <returns>problems whose place is the key's path</returns>
    public static IEnumerable<Problem> Check(JobSpec spec)
    {
        if (DigestOf(spec.Data.Path) is { } digest && !IsDigest(digest))
            yield return new("data.path", $"'{spec.Data.Path}'", $"{Uploaded} and 64 hexadecimal digits in lower case");
        foreach (var (key, path) in new[] { ("data.path", spec.Data.Path), ("model.tokenizer", spec.Model.Tokenizer), ("adapter.init", spec.Adapter.Init) })
            if (path is { Length: > 0 } && DigestOf(path) is null && !Path.IsPathRooted(path))
                yield return new(key, $"'{path}'", "a whole path, as the servers see it", key == "data.path" ? $"or upload the records and name them {Uploaded}DIGEST" : "begin it with a slash");
    }
}
