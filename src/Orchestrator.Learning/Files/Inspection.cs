using System.Globalization;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>What a file or folder holds, for a person or a program to read.</summary>
/// <param name="Kind">what it is: <c>LLaMA in Meta's layout</c></param>
/// <param name="Path">as it was given</param>
/// <param name="Facts">counts, digests, hyper-parameters and metadata, in the order to be shown</param>
/// <param name="Tensors">as they are stored, in the files' order</param>
public sealed record Inspection(string Kind, string Path, IReadOnlyList<KeyValuePair<string, string>> Facts, IReadOnlyList<InspectedTensor> Tensors)
{
    /// <summary>More would hide the rest; an optimiser's groups can be thousands.</summary>
    const int MetadataShown = 200;

    /// <summary>Looks into a model, an adapter, a folder of tensors, a file of tensors, or a tokenizer.</summary>
    /// <param name="path">file or folder</param>
    /// <param name="cacheFolder">where digests of large files are kept; null hashes every time</param>
    /// <exception cref="ProblemException">it is nothing that this project reads, or is damaged</exception>
    public static Inspection Of(string path, string? cacheFolder = null) =>
        Directory.Exists(path) ? OfFolder(path, cacheFolder) : OfFile(path, cacheFolder);

    static Inspection OfFolder(string path, string? cacheFolder)
    {
        if (PeftFolder.Is(path))
            return OfPeft(path, cacheFolder);
        if (File.Exists(System.IO.Path.Combine(path, MetaFolder.ConfigName)) || File.Exists(System.IO.Path.Combine(path, HuggingFaceFolder.ConfigName)))
            return OfModel(path, cacheFolder);
        string[] files = [.. Directory.EnumerateFiles(path).Where(IsTensorFile).Order(StringComparer.Ordinal)];
        if (files.Length == 0)
            throw new ProblemException(path, "nothing that this project reads", "a model, an adapter, a run or a checkpoint");
        var facts = new FactList();
        foreach (var json in JsonNames.Select(name => System.IO.Path.Combine(path, name)).Where(File.Exists))
            facts.AddTexts(System.IO.Path.GetFileName(json), ConfigJson.Open(json));
        return Described("folder of tensors", path, files, facts, cacheFolder);
    }

    static readonly string[] JsonNames = ["manifest.json", "run.json"];

    static bool IsTensorFile(string path) => System.IO.Path.GetExtension(path) is ".safetensors" or ".pth" or ".pt" or ".bin";

    static Inspection OfModel(string path, string? cacheFolder)
    {
        using var model = ModelFolder.Open(path);
        var config = model.Config;
        var facts = new FactList();
        facts.Add("parameters", MetaNames.Of(config).Sum(weight => weight.Shape.Aggregate(1L, (product, size) => product * size)));
        facts.Add("dim", config.Dim);
        facts.Add("layers", config.Layers);
        facts.Add("heads", config.Heads);
        facts.Add("key-value heads", config.KeyValueHeads);
        facts.Add("width of a head", config.HeadDim);
        facts.Add("feed-forward", config.Hidden);
        facts.Add("vocabulary", config.Vocabulary);
        facts.Add("norm epsilon", config.NormEpsilon);
        facts.Add("rope theta", config.RopeTheta);
        if (config.RopeScaling is { } scaling)
            facts.Add("rope scaling", string.Create(CultureInfo.InvariantCulture,
                $"factor {scaling.Factor}, low {scaling.LowFrequencyFactor}, high {scaling.HighFrequencyFactor}, original context {scaling.OriginalContext}"));
        facts.Add("tied output", config.TiedOutput ? "yes" : "no");
        facts.Add("tokenizer", model.TokenizerPath ?? "none");
        facts.Add("digest of the base", model.Digest(cacheFolder));
        var meta = System.IO.Path.GetFileName(model.Files[0]) == MetaFolder.ConfigName;
        var weights = model.Files.Where(file => !file.EndsWith(".json", StringComparison.Ordinal));
        return Described(meta ? "LLaMA in Meta's layout" : "LLaMA in Hugging Face's layout", path, weights, facts, cacheFolder);
    }

    static Inspection OfPeft(string path, string? cacheFolder)
    {
        var config = ConfigJson.Open(System.IO.Path.Combine(path, PeftFolder.ConfigName));
        var facts = new FactList();
        facts.AddTexts(PeftFolder.ConfigName, config);
        return Described($"PEFT adapter, {config.Text("peft_type") ?? "of no stated type"}", path, [PeftFolder.Weights(path)], facts, cacheFolder);
    }

    static Inspection OfFile(string path, string? cacheFolder)
    {
        if (System.IO.Path.GetExtension(path) == ".model")
        {
            var facts = new FactList();
            facts.Add("bytes", File.Exists(path) ? new FileInfo(path).Length : 0);
            facts.Add("SHA-256", new FileDigests(cacheFolder).Sha256(path));
            return new("tokenizer", path, facts.All, []);
        }
        using var file = TensorFile.Open(path);
        return Described(KindOf(file), path, [path], new FactList(), cacheFolder);
    }

    static string KindOf(TensorFile file)
    {
        var isAdapter = file.Find(AdapterNames.Query) is not null;
        var isBase = file.Find(MetaNames.Embedding) is not null;
        return isAdapter && isBase ? "training checkpoint of LLaMA-Adapter, with its base"
            : isAdapter ? "LLaMA-Adapter"
            : isBase ? "weights of a LLaMA under Meta's names"
            : file.Find("model.embed_tokens.weight") is not null ? "weights of a LLaMA under Hugging Face's names"
            : "tensors";
    }

    static Inspection Described(string kind, string path, IEnumerable<string> files, FactList facts, string? cacheFolder)
    {
        var digests = new FileDigests(cacheFolder);
        var tensors = new List<InspectedTensor>();
        foreach (var one in files)
        {
            using var file = TensorFile.Open(one);
            var name = System.IO.Path.GetFileName(one);
            facts.Add($"{name}: format", file.Format switch { TensorFormat.SafeTensors => "safetensors", TensorFormat.TorchZip => "torch.save, zip", _ => "torch.save, before zip" });
            facts.Add($"{name}: bytes", file.Bytes);
            facts.Add($"{name}: SHA-256", digests.Sha256(one));
            foreach (var (key, value) in file.Metadata.Take(MetadataShown))
                facts.Add($"{name}: {key}", value);
            tensors.AddRange(file.Entries.Select(entry => new InspectedTensor(entry.Name, ElementTypes.SafeTensorsName(entry.Type), entry.Shape, entry.Bytes, name)));
        }
        facts.Add("tensors", tensors.Count);
        facts.Add("numbers in tensors", tensors.Sum(tensor => tensor.Elements));
        facts.Add("bytes in tensors", tensors.Sum(tensor => tensor.Bytes));
        return new(kind, path, facts.All, tensors);
    }

    sealed class FactList
    {
        public List<KeyValuePair<string, string>> All { get; } = [];

        public void Add(string name, string value) => All.Add(new(Printable(name), Printable(value)));

        /// <summary>A file's own words must not steer the terminal they are shown on.</summary>
        static string Printable(string text) => TensorEntry.IsPrintable(text) ? text : string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));

        public void Add(string name, double value) => Add(name, value.ToString(CultureInfo.InvariantCulture));

        public void Add(string name, long value) => Add(name, value.ToString(CultureInfo.InvariantCulture));

        public void AddTexts(string file, ConfigJson config)
        {
            foreach (var key in config.Keys.Take(MetadataShown))
                Add($"{file}: {key}", config.Raw(key).Trim('"'));
        }
    }
}

/// <summary>A tensor as its file has it.</summary>
/// <param name="Name">its name in the file</param>
/// <param name="Type">in safetensors' words: F32, BF16, …</param>
/// <param name="Shape">rows first</param>
/// <param name="Bytes">size</param>
/// <param name="File">name of the file</param>
public sealed record InspectedTensor(string Name, string Type, IReadOnlyList<long> Shape, long Bytes, string File)
{
    /// <summary>How many numbers it holds.</summary>
    public long Elements => Shape.Aggregate(1L, (product, size) => product * size);
}
