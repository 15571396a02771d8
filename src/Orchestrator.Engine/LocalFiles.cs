using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine;

/// <summary>
/// Where this process has what a spec names. A model may be a path, or <c>sha256:DIGEST</c> of a model under one of the process's roots; records may be a path, or the
/// <c>sha256:DIGEST</c> of an upload. Everything else is what it says.
/// </summary>
/// <param name="options">the process's folders</param>
public sealed class LocalFiles(EngineOptions options)
{
    /// <summary>How a spec names something by its content.</summary>
    public const string DigestPrefix = "sha256:";

    const int DigestDigits = 64;

    /// <summary>The spec with this process's paths.</summary>
    /// <exception cref="ProblemException">a digest that nothing here has, or a path that leads elsewhere</exception>
    public JobSpec Locate(JobSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (SpecPaths.Outside(spec, options.PathRoots).ToList() is { Count: > 0 } outside)
            throw new ProblemException(outside);
        return spec with
        {
            Model = spec.Model with { Path = Model(spec.Model.Path), Tokenizer = spec.Model.Tokenizer is { } tokenizer ? UnderRoots(tokenizer) : null },
            Adapter = spec.Adapter with { Init = spec.Adapter.Init is { } init ? UnderRoots(init) : null },
            Data = spec.Data with { Path = Records(spec.Data.Path) },
        };
    }

    /// <summary>What of a spec's files is not here, as one sentence; null where all are there. <paramref name="located"/> is what <see cref="Locate"/> answered.</summary>
    public static string? Missing(JobSpec located)
    {
        ArgumentNullException.ThrowIfNull(located);
        try
        {
            ModelFolder.Open(located.Model.Path).Dispose();
        }
        catch (ProblemException problem)
        {
            return problem.Message;
        }
        (string Key, string? Path)[] files = [("model.tokenizer", located.Model.Tokenizer), ("adapter.init", located.Adapter.Init), ("data.path", located.Data.Path)];
        return files.Where(file => file.Path is not null && !File.Exists(file.Path) && !Directory.Exists(file.Path)).Select(file => $"{file.Key}: nothing at {file.Path}").FirstOrDefault();
    }

    string Model(string path)
    {
        if (!IsDigest(path, out var digest))
            return UnderRoots(path);
        foreach (var folder in options.ModelRoots.Where(Directory.Exists).SelectMany(root => Directory.EnumerateDirectories(root, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 }).Order(StringComparer.Ordinal).Prepend(root)))
        {
            if (!File.Exists(Path.Combine(folder, "config.json")) && !File.Exists(Path.Combine(folder, "params.json")))
                continue;
            try
            {
                using var model = ModelFolder.Open(folder);
                if (model.Digest(options.CacheFolder) == digest)
                    return folder;
            }
            catch (ProblemException)
            {
                // Another folder's damage is not this job's.
            }
        }
        throw new ProblemException("model.path", $"no model with digest {digest}", $"one below {(options.ModelRoots.Count == 0 ? "a configured root" : string.Join(", ", options.ModelRoots))}", "copy it there, or name its path");
    }

    string Records(string path)
    {
        if (!IsDigest(path, out var digest))
            return Path.IsPathRooted(path) ? path : NotHere(path);
        var file = options.BlobFolder is { } blobs ? Path.Combine(blobs, digest) : null;
        return file is not null && File.Exists(file) ? file : throw new ProblemException("data.path", $"no upload with digest {digest}", "records that were uploaded", "upload them first, or name a path");
    }

    string UnderRoots(string path)
        => Path.IsPathRooted(path) || options.ModelRoots.Select(root => Path.Combine(root, path)).FirstOrDefault(found => File.Exists(found) || Directory.Exists(found)) is not { } here ? NotHere(path) : here;

    // The working folder is nobody's root.
    string NotHere(string path) => !Path.IsPathRooted(path) && options.PathRoots is [var first, ..] ? Path.Combine(first, path) : path;

    static bool IsDigest(string path, out string digest)
    {
        digest = path.StartsWith(DigestPrefix, StringComparison.Ordinal) ? path[DigestPrefix.Length..] : "";
        return digest.Length == DigestDigits && digest.All(char.IsAsciiHexDigitLower);
    }
}
