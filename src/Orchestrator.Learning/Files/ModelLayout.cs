using Orchestrator.Learning.Llama;
using TorchSharp;

namespace Orchestrator.Learning.Files;

/// <summary>Where the weights of a folder are, under Meta's names, whatever the folder calls them.</summary>
/// <param name="Config">shapes</param>
/// <param name="Weights">by Meta's name; may hold names that the shapes don't ask for</param>
/// <param name="Sources">the open files</param>
/// <param name="ConfigPath">the file that <paramref name="Config"/> was read from</param>
sealed record ModelLayout(LlamaConfig Config, IReadOnlyDictionary<string, WeightSource> Weights, IReadOnlyList<TensorFile> Sources, string ConfigPath)
{
    /// <summary>A file beside the model that belongs to its identity, such as an index of shards.</summary>
    public string? IndexPath { get; init; }

    /// <summary>Opens a file and notes it, so that whoever asked can close it when what follows fails.</summary>
    public static TensorFile Opened(string path, ICollection<TensorFile> opened)
    {
        var file = TensorFile.Open(path);
        opened.Add(file);
        return file;
    }
}

/// <summary>One weight: the pieces that it is concatenated of, and whether its rows must be brought into Meta's order.</summary>
/// <param name="Pieces">one per shard</param>
/// <param name="Dimension">along which pieces are concatenated</param>
/// <param name="HeadsToInterleave">
/// 0, or the number of heads whose rows are in Hugging Face's order: per head the first members of all rotary pairs, then the second ones
/// </param>
sealed record WeightSource(IReadOnlyList<(TensorFile File, TensorEntry Entry)> Pieces, int Dimension = 0, int HeadsToInterleave = 0)
{
    public IReadOnlyList<long> Shape => Pieces.Count == 1
        ? Pieces[0].Entry.Shape
        : [.. Pieces[0].Entry.Shape.Select((size, i) => i == Dimension ? Pieces.Sum(piece => piece.Entry.Shape[i]) : size)];

    /// <summary>Bytes it takes in its files.</summary>
    public long Bytes => Pieces.Sum(piece => piece.Entry.Bytes);

    /// <summary>Where it stands, for problems.</summary>
    public string Place => $"{Pieces[0].File.Path} tensor {Pieces[0].Entry.Name}";

    /// <summary>The weight in Meta's layout; over the file's pages where it is stored so and in that type. The caller owns it.</summary>
    public torch.Tensor Read(torch.ScalarType type)
    {
        if (Pieces is [var only] && HeadsToInterleave == 0 && only.Entry.Type == type && only.Entry.Strides is null)
            return only.File.Read(only.Entry.Name);
        if (Pieces is [var ordered] && HeadsToInterleave > 0 && ordered.Entry.Strides is null)
            return ordered.File.LoadInterleaved(ordered.Entry.Name, HeadsToInterleave, type);
        using var scope = torch.NewDisposeScope();
        using var unrecorded = torch.no_grad();
        // Not over the file's pages: they would stay resident beside the copy.
        var pieces = Pieces.Select(piece => piece.File.Load(piece.Entry.Name, type)).ToArray();
        var whole = pieces.Length == 1 ? pieces[0] : torch.cat(pieces, Dimension);
        if (HeadsToInterleave > 0)
        {
            var (rows, columns) = (whole.shape[0], whole.shape[1]);
            whole = whole.view(HeadsToInterleave, 2, rows / HeadsToInterleave / 2, columns).transpose(1, 2).reshape(rows, columns); // [h, 2, d/2, D] -> [h d, D]
        }
        return whole.MoveToOuterDisposeScope();
    }
}
