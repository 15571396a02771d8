using System.Security.Cryptography;
using System.Text;
using Orchestrator.Learning.Llama;
using Orchestrator.Protocol;
using TorchSharp;

namespace Orchestrator.Learning.Files;

/// <summary>
/// A LLaMA on disk, in Meta's or Hugging Face's layout, presented as Meta's: names, and rows of q and k for rotary pairs that are neighbours.
/// Opening checks that every weight is there in its shape; weights are read from the files' pages when they are asked for.
/// </summary>
public sealed class ModelFolder : IDisposable
{
    readonly ModelLayout layout;

    ModelFolder(string path, ModelLayout layout, string? tokenizerPath)
    {
        this.layout = layout;
        (Path, TokenizerPath) = (path, tokenizerPath);
        Files = [layout.ConfigPath, .. layout.IndexPath is { } index ? new[] { index } : [], .. layout.Sources.Select(file => file.Path)];
        Bytes = layout.Sources.Sum(file => file.Bytes);
    }

    /// <summary>The folder, or the checkpoint file, as it was given.</summary>
    public string Path { get; }

    /// <summary>Shapes of the model.</summary>
    public LlamaConfig Config => layout.Config;

    /// <summary>The tokenizer that lies with it (Meta keeps it one folder above); null where there is none.</summary>
    public string? TokenizerPath { get; }

    /// <summary>Paths of the configuration and of the weights.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Size of the weights' files.</summary>
    public long Bytes { get; }

    /// <summary>Opens a folder, or a file of <c>torch.save</c> with a <c>params.json</c> beside it.</summary>
    /// <exception cref="ProblemException">every tensor that is missing or odd, or what is wrong with configuration and files</exception>
    public static ModelFolder Open(string path)
    {
        var opened = new List<TensorFile>();
        try
        {
            var layout = LayoutOf(path, opened);
            Check(path, layout);
            return new(path, layout, Tokenizer(System.IO.Path.GetDirectoryName(layout.ConfigPath)!, layout));
        }
        catch (Exception e)
        {
            foreach (var file in opened)
                file.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw new ProblemException(path, e.Message, "a folder that can be read");
            throw;
        }
    }

    static ModelLayout LayoutOf(string path, List<TensorFile> opened)
    {
        const string Layouts = "params.json with consolidated.00.pth (Meta), or config.json with model.safetensors or pytorch_model.bin (Hugging Face)";
        if (File.Exists(path))
        {
            var beside = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!, MetaFolder.ConfigName);
            return File.Exists(beside)
                ? MetaFolder.Open(beside, [path], opened)
                : throw new ProblemException(beside, "nothing", "the model's shapes, which a checkpoint does not hold", "copy the base's params.json beside the checkpoint");
        }
        if (!Directory.Exists(path))
            throw new ProblemException(path, "nothing", $"a folder with {Layouts}");
        var shards = MetaFolder.Shards(path);
        var meta = System.IO.Path.Combine(path, MetaFolder.ConfigName);
        if (File.Exists(meta) && shards.Length > 0)
            return MetaFolder.Open(meta, shards, opened);
        if (File.Exists(System.IO.Path.Combine(path, HuggingFaceFolder.ConfigName)))
            return HuggingFaceFolder.Open(path, opened);
        throw new ProblemException(path, File.Exists(meta) ? "params.json without weights" : shards.Length > 0 ? "weights without params.json" : "neither layout", Layouts);
    }

    static void Check(string path, ModelLayout layout)
    {
        var problems = new List<Problem>();
        var expected = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, shape) in MetaNames.Of(layout.Config))
        {
            expected.Add(name);
            if (!layout.Weights.TryGetValue(name, out var source))
                problems.Add(new($"{path} tensor {name}", "nothing", TensorEntry.ShapeOf(shape)));
            else if (!source.Shape.SequenceEqual(shape))
                problems.Add(new(source.Place, TensorEntry.ShapeOf(source.Shape), $"{TensorEntry.ShapeOf(shape)} for {name}"));
            else if (!ElementTypes.IsFloating(source.Pieces[0].Entry.Type))
                problems.Add(new(source.Place, $"{source.Pieces[0].Entry.Type}", "fp32, fp16, bf16 or fp64"));
            // Beyond these the rest says nothing new.
            if (problems.Count == ProblemsMax)
                break;
        }
        foreach (var (name, source) in layout.Weights)
            if (problems.Count < ProblemsMax && !expected.Contains(name) && !MetaNames.IsBeside(name))
                problems.Add(new(source.Place, TensorEntry.ShapeOf(source.Shape), "only the weights of a LLaMA", "this is another network, or has more layers than its configuration says"));
        if (problems.Count > 0)
            throw new ProblemException(problems);
    }

    const int ProblemsMax = 50;

    static string? Tokenizer(string folder, ModelLayout layout)
    {
        var beside = System.IO.Path.Combine(folder, "tokenizer.model");
        if (File.Exists(beside) || System.IO.Path.GetFileName(layout.ConfigPath) != MetaFolder.ConfigName)
            return File.Exists(beside) ? beside : null;
        var above = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(folder)) ?? folder, "tokenizer.model");
        return File.Exists(above) ? above : null;
    }

    /// <summary>
    /// A weight under Meta's name and in Meta's layout, on the CPU. The caller owns it; it may outlive the folder. Where it is stored whole, in this order and type, it
    /// lies over the file's pages, shared by all who read it: never write to it. Else it is a copy.
    /// </summary>
    /// <param name="metaName">a name of <see cref="MetaNames.Of"/>; <c>output.weight</c> of a tied model is its embedding</param>
    /// <param name="type">the wanted type</param>
    /// <param name="bytesRead">told the bytes that this weight takes in its files, once, when it is read</param>
    /// <exception cref="ProblemException">no such weight, or the file shrank</exception>
    public torch.Tensor Read(string metaName, torch.ScalarType type, IProgress<long>? bytesRead = null)
    {
        var name = Config.TiedOutput && metaName == MetaNames.Output ? MetaNames.Embedding : metaName;
        var source = layout.Weights.GetValueOrDefault(name) ?? throw new ProblemException($"{Path} tensor {metaName}", "nothing", "a weight of this model");
        var tensor = source.Read(type);
        bytesRead?.Report(source.Bytes);
        return tensor;
    }

    /// <summary>What identifies the base: SHA-256 over the names and digests of its configuration and weights, sorted by name, in hexadecimal digits.</summary>
    /// <param name="cacheFolder">where digests of large files are kept, so that the second time costs nothing; null hashes every time</param>
    /// <param name="bytesRead">told of every piece hashed, in bytes since the last call</param>
    /// <exception cref="ProblemException">a file cannot be read</exception>
    public string Digest(string? cacheFolder, IProgress<long>? bytesRead = null)
    {
        var digests = new FileDigests(cacheFolder);
        var lines = Files.OrderBy(path => System.IO.Path.GetFileName(path), StringComparer.Ordinal).Select(path => $"{digests.Sha256(path, bytesRead)}  {System.IO.Path.GetFileName(path)}\n");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(lines))));
    }

    /// <summary>Lets go of the files. Weights that were read stay valid.</summary>
    public void Dispose()
    {
        foreach (var file in layout.Sources)
            file.Dispose();
    }
}
