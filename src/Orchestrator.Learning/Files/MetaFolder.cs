using System.Globalization;
using Orchestrator.Learning.Llama;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>
/// Meta's layout: <c>params.json</c> and <c>consolidated.00.pth</c>, <c>.01</c>, …, one per model-parallel rank, each with a piece of every
/// matrix (arXiv 1909.08053: column-parallel wq, wk, wv, w1, w3 and output, row-parallel wo and w2). Sizes that follow from the weights are
/// taken from them: the vocabulary, and the feed-forward's width, which <c>multiple_of</c> and <c>ffn_dim_multiplier</c> only prescribe.
/// </summary>
static class MetaFolder
{
    public const string ConfigName = "params.json";

    /// <summary>The shards of a folder, in the order of their ranks.</summary>
    public static string[] Shards(string folder) =>
        [.. Directory.EnumerateFiles(folder, "consolidated*").Where(path => Path.GetExtension(path) is ".pth" or ".pt" or ".safetensors").Order(StringComparer.Ordinal)];

    /// <summary>Reads the configuration and merges the shards' tables; no weight is read.</summary>
    /// <exception cref="ProblemException">everything that is wrong with the configuration, or shards that don't fit together</exception>
    public static ModelLayout Open(string configPath, IReadOnlyList<string> shards, ICollection<TensorFile> opened)
    {
        var config = ConfigJson.Open(configPath);
        TensorFile[] files = [.. shards.Select(path => ModelLayout.Opened(path, opened))];
        CheckRanks(shards);
        var dim = config.Int("dim", 1, ModelLimits.Width);
        var heads = config.Int("n_heads", 1, ModelLimits.Width);
        var shapes = new LlamaConfig
        {
            Dim = dim,
            Layers = config.Int("n_layers", 1, ModelLimits.Layers),
            Heads = heads,
            KeyValueHeads = config.Int("n_kv_heads", 1, ModelLimits.Width, missing: heads),
            HeadDim = config.Int("head_dim", 1, ModelLimits.Width, missing: dim / heads),
            NormEpsilon = config.Number("norm_eps", 0, 1),
            RopeTheta = config.Number("rope_theta", 1, 1e12, missing: 10_000),
            RopeScaling = config.Bool("use_scaled_rope", false)
                ? new(config.Number("rope_scaling_factor", 1, 1e6, missing: 8), 1, config.Number("rope_high_freq_factor", 1, 1e6, missing: 4), 8192)
                : null,
            Hidden = Rows(files, "layers.0.feed_forward.w1.weight") * files.Length,
            Vocabulary = 0,
        };
        shapes = shapes with { Vocabulary = Vocabulary(files, dim) };
        // Meta writes -1 where the tokenizer decides; any other number must be the embedding's.
        if (config.Int("vocab_size", -1, ModelLimits.Vocabulary, missing: -1) is var stated and > 0 && shapes.Vocabulary > 0 && stated != shapes.Vocabulary)
            config.Refuse("vocab_size", $"{shapes.Vocabulary}, the rows of {MetaNames.Embedding}", "-1 takes it from there");
        ModelLimits.Check(config, shapes);
        if (config.Problems.Count > 0)
            throw new ProblemException(config.Problems);
        return new(shapes, Merge(files, shapes), files, configPath);
    }

    /// <summary>A missing shard in the middle would otherwise only show as odd shapes.</summary>
    static void CheckRanks(IReadOnlyList<string> shards)
    {
        for (var rank = 0; rank < shards.Count; rank++)
            if (Path.GetFileName(shards[rank]).Split('.') is ["consolidated", var number, _]
                && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var found) && found != rank)
                throw new ProblemException(shards[rank], $"shard {found}", $"shard {rank}: ranks count from 00 without gaps", "copy the missing shards");
    }

    static int Rows(TensorFile[] files, string name) =>
        files[0].Find(name)?.Shape is [var rows, _] && rows <= ModelLimits.Width ? (int)rows : 0;

    /// <summary>LLaMA 1 and 2 cut the embedding's columns, Llama 3 its rows: a piece of full width was cut by rows.</summary>
    static int Vocabulary(TensorFile[] files, int dim) =>
        files[0].Find(MetaNames.Embedding)?.Shape is [var rows, var columns] && rows <= ModelLimits.Vocabulary ? (int)(columns == dim ? rows * files.Length : rows) : 0;

    static Dictionary<string, WeightSource> Merge(TensorFile[] files, LlamaConfig shapes)
    {
        var expected = MetaNames.Of(shapes).ToDictionary(weight => weight.Name, weight => weight.Shape, StringComparer.Ordinal);
        var weights = new Dictionary<string, WeightSource>(StringComparer.Ordinal);
        var problems = new List<Problem>();
        foreach (var name in files.SelectMany(file => file.Entries).Select(entry => entry.Name).Distinct(StringComparer.Ordinal))
        {
            var pieces = files.Select(file => (file, entry: file.Find(name))).ToArray();
            if (pieces.FirstOrDefault(piece => piece.entry is null).file is { } lacking)
            {
                problems.Add(new($"{lacking.Path} tensor {name}", "nothing", "a piece of it in every shard", "copy the file again"));
                continue;
            }
            (TensorFile, TensorEntry)[] found = [.. pieces.Select(piece => (piece.file, piece.entry!))];
            weights[name] = expected.TryGetValue(name, out var shape) ? Joined(found, shape) : new([found[0]]);
        }
        return problems.Count == 0 ? weights : throw new ProblemException(problems);
    }

    /// <summary>Replicated where a piece is whole already, else concatenated along the dimension that makes it so (checked later against the shapes).</summary>
    static WeightSource Joined((TensorFile, TensorEntry Entry)[] pieces, long[] shape)
    {
        if (pieces.Length == 1 || pieces[0].Entry.Shape.SequenceEqual(shape))
            return new([pieces[0]]);
        var alongRows = pieces[0].Entry.Shape.Count != 2 || pieces[0].Entry.Shape[1] == shape[^1];
        var dimension = alongRows ? 0 : 1;
        var alike = pieces.All(piece => piece.Entry.Shape.Count == shape.Length && piece.Entry.Type == pieces[0].Entry.Type
            && (shape.Length == 1 || piece.Entry.Shape[1 - dimension] == pieces[0].Entry.Shape[1 - dimension]));
        return alike ? new(pieces, dimension) : new([pieces[0]]);
    }
}
