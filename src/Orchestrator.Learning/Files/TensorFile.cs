using Orchestrator.Protocol;
using TorchSharp;

namespace Orchestrator.Learning.Files;

/// <summary>The layouts a file of tensors may have.</summary>
public enum TensorFormat
{
    /// <summary>A JSON header, then the tensors.</summary>
    SafeTensors,

    /// <summary>What <c>torch.save</c> writes since 1.6.</summary>
    TorchZip,

    /// <summary>What <c>torch.save</c> wrote before.</summary>
    TorchLegacy,
}

/// <summary>
/// A file of named tensors, of any format: opened by its first bytes, not by its name. Opening reads and checks what the file says of itself;
/// the tensors' bytes are read from its pages when they are used.
/// </summary>
public sealed class TensorFile : IDisposable
{
    readonly TensorMapping mapping;
    readonly Dictionary<string, TensorEntry> byName;

    TensorFile(string path, TensorFormat format, long bytes, List<TensorEntry> entries, IReadOnlyDictionary<string, string> metadata)
    {
        (Path, Format, Bytes, Entries, Metadata) = (path, format, bytes, entries, metadata);
        mapping = new(path, bytes);
        byName = entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>How it is written.</summary>
    public TensorFormat Format { get; }

    /// <summary>Its size.</summary>
    public long Bytes { get; }

    /// <summary>Its tensors, in the file's order.</summary>
    public IReadOnlyList<TensorEntry> Entries { get; }

    /// <summary>The texts of a safetensors header, or the plain values beside a torch file's tensors under dotted names.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks all it says of itself against its size.</summary>
    /// <exception cref="ProblemException">it is missing, truncated, corrupt, lies, or is a pickle that asks for more than tensors</exception>
    public static TensorFile Open(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
            Span<byte> first = stackalloc byte[16];
            first = first[..file.ReadAtLeast(first, first.Length, throwOnEndOfStream: false)];
            file.Position = 0;
            var format = FormatOf(path, first, file.Length);
            var (entries, metadata) = format switch
            {
                TensorFormat.TorchZip => TorchArchive.ReadZip(path, file),
                TensorFormat.TorchLegacy => TorchArchive.ReadLegacy(path, file),
                _ => SafeTensors.ReadHeader(path, file),
            };
            return new(path, format, file.Length, entries, metadata);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(path, e.Message, "a file that can be read");
        }
    }

    static TensorFormat FormatOf(string path, ReadOnlySpan<byte> first, long fileBytes)
    {
        if (TorchArchive.LooksLikeZip(first))
            return TensorFormat.TorchZip;
        if (TorchArchive.LooksLikePickle(first))
            return TensorFormat.TorchLegacy;
        return first.Length > 8 && first[8] == '{'
            ? TensorFormat.SafeTensors
            : throw new ProblemException(path, fileBytes == 0 ? "an empty file" : $"{fileBytes:N0} bytes of an unknown format", "safetensors or what torch.save writes",
                "copy the file again; a file of git LFS is only a pointer");
    }

    /// <summary>The tensor of that name over the file's pages: no copy where the format aligns it. The caller owns it; it may outlive the file object.</summary>
    /// <exception cref="ProblemException">the file has no such tensor</exception>
    public torch.Tensor Read(string name) => mapping.Read(Existing(name));

    /// <summary>The same as a copy in memory of its own, which leaves no page of the file resident. The caller owns it.</summary>
    /// <param name="name">one of <see cref="Entries"/></param>
    /// <param name="type">the wanted type; null leaves the file's</param>
    /// <exception cref="ProblemException">the file has no such tensor</exception>
    public torch.Tensor Load(string name, torch.ScalarType? type = null) => mapping.Copy(Existing(name), type);

    /// <summary>The same, the rows of a projection of queries or keys brought from Hugging Face's order into Meta's. The caller owns it.</summary>
    /// <param name="name">one of <see cref="Entries"/>, a matrix whose rows follow each other in the file</param>
    /// <param name="heads">what its rows are for</param>
    /// <param name="type">the wanted type</param>
    internal torch.Tensor LoadInterleaved(string name, int heads, torch.ScalarType type) => mapping.Interleaved(Existing(name), heads, type);

    TensorEntry Existing(string name) => Find(name) ?? throw new ProblemException($"{Path} tensor {name}", "nothing", "a tensor");

    /// <summary>What the file says of a tensor; null where it has none of that name.</summary>
    public TensorEntry? Find(string name) => byName.GetValueOrDefault(name);

    /// <summary>Lets go of the file. Tensors that were read stay valid.</summary>
    public void Dispose() => mapping.Dispose();
}
