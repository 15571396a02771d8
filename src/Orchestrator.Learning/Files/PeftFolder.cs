using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Orchestrator.Protocol;
using TorchSharp;

namespace Orchestrator.Learning.Files;

/// <summary>
/// PEFT's <c>ADAPTION_PROMPT</c>: one prompt [1, K, D] and one gate [1] per adapted layer. Its layer multiplies by the gate where LLaMA-Adapter
/// multiplies by tanh of one gate per head, so an exact file exists only where the gates of a layer are equal.
/// </summary>
public static partial class PeftFolder
{
    internal const string ConfigName = "adapter_config.json";
    static readonly string[] WeightNames = ["adapter_model.safetensors", "adapter_model.bin"];
    const string Kind = "ADAPTION_PROMPT";

    /// <summary>Gates of a layer that differ by more than this cannot become one.</summary>
    public const double SpreadMax = 1e-6;

    /// <summary>Whether it is a folder as PEFT writes it.</summary>
    public static bool Is(string path) => File.Exists(Path.Combine(path, ConfigName));

    /// <summary>Reads the adapter under the original's names: gates are artanh of PEFT's.</summary>
    /// <param name="folder">with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c> or <c>.bin</c></param>
    /// <param name="heads">query heads to repeat a gate over; null leaves it one number, [1, 1, 1, 1]</param>
    /// <exception cref="ProblemException">another of PEFT's methods, missing layers, or a gate outside (-1, 1), which no tanh reaches</exception>
    public static AdapterContents Read(string folder, int? heads = null)
    {
        var config = ConfigJson.Open(Path.Combine(folder, ConfigName));
        if (config.Text("peft_type") is not Kind)
            throw new ProblemException($"{config.Path} peft_type", config.Raw("peft_type"), $"\"{Kind}\"", "of PEFT's methods only this one is LLaMA-Adapter");
        if (config.Text("target_modules") is not (null or "self_attn"))
            config.Refuse("target_modules", "\"self_attn\"");
        var (layers, length) = (config.Int("adapter_layers", 1, ModelLimits.Layers), config.Int("adapter_len", 1, ModelLimits.Width));
        if (config.Problems.Count > 0)
            throw new ProblemException(config.Problems);
        var weights = Weights(folder);
        using var file = TensorFile.Open(weights);
        using var scope = torch.NewDisposeScope();
        using var unrecorded = torch.no_grad();
        var (prompts, gates) = Tables(file);
        if (prompts.Count != layers || gates.Count != layers || !prompts.Keys.SequenceEqual(gates.Keys) || prompts.Keys[^1] - prompts.Keys[0] != layers - 1)
            throw new ProblemException(weights, $"prompts of the layers {string.Join(", ", prompts.Keys)} and gates of {string.Join(", ", gates.Keys)}", $"{layers} neighbouring layers");
        var width = prompts.Values[0].Shape[^1];
        if (prompts.Values.FirstOrDefault(entry => !entry.Shape.SequenceEqual([1, length, width])) is { } odd)
            throw new ProblemException($"{weights} tensor {odd.Name}", odd.ShapeText, TensorEntry.ShapeOf([1, length, width]));

        var tensors = new OrderedDictionary<string, torch.Tensor>(StringComparer.Ordinal)
        {
            [AdapterNames.Query] = torch.cat([.. prompts.Values.Select(entry => file.Load(entry.Name, torch.float32).squeeze(0))]), // [L K, D]
        };
        foreach (var (layer, entry) in gates)
            tensors[AdapterNames.Gate(layer)] = torch.full([1, heads ?? 1, 1, 1], (float)Math.Atanh(GateOf(file, entry)), dtype: torch.float32);
        foreach (var tensor in tensors.Values)
            tensor.DetachFromDisposeScope();
        return new(tensors, file.Metadata);
    }

    /// <summary>The file PEFT itself would load.</summary>
    internal static string Weights(string folder) => WeightNames.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
        ?? throw new ProblemException(folder, "no weights", string.Join(" or ", WeightNames));

    static (SortedList<int, TensorEntry> Prompts, SortedList<int, TensorEntry> Gates) Tables(TensorFile file)
    {
        var (prompts, gates) = (new SortedList<int, TensorEntry>(), new SortedList<int, TensorEntry>());
        foreach (var entry in file.Entries)
        {
            var match = LayerTensor().Match(entry.Name);
            if (!match.Success || !ElementTypes.IsFloating(entry.Type) || entry.Elements == 0
                || !(match.Groups[2].Value == "prompt" ? prompts : gates).TryAdd(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), entry))
                throw new ProblemException($"{file.Path} tensor {entry.Name}", $"{entry.Type} {entry.ShapeText}", "one adaption_prompt and one adaption_gate per layer");
        }
        return prompts.Count > 0 && gates.Count > 0
            ? (prompts, gates)
            : throw new ProblemException(file.Path, "no prompts or no gates", "one adaption_prompt and one adaption_gate per layer");
    }

    static double GateOf(TensorFile file, TensorEntry entry)
    {
        var gate = entry.Elements == 1 ? file.Load(entry.Name, torch.float64).reshape(1).item<double>() : double.NaN;
        return Math.Abs(gate) < 1
            ? gate
            : throw new ProblemException($"{file.Path} tensor {entry.Name}", entry.Elements == 1 ? $"{gate}" : entry.ShapeText, "one number between -1 and 1",
                "tanh reaches no other: this adapter has no exact form here");
    }

    /// <summary>Writes a folder that PEFT loads; the configuration last, since it makes the folder one.</summary>
    /// <param name="folder">created where it is missing</param>
    /// <param name="adapter">prompts and gates under the original's names</param>
    /// <param name="baseModel">what <c>base_model_name_or_path</c> shall say</param>
    /// <param name="promptLength">
    /// K; null counts the layers from the first gate that is not zero. An adapter that was never trained has none: then it must be told.
    /// </param>
    /// <exception cref="ProblemException">the gates of a layer differ, by layer and spread; or the number of adapted layers is open</exception>
    public static void Write(string folder, AdapterContents adapter, string baseModel, int? promptLength = null)
    {
        using var scope = torch.NewDisposeScope();
        var (prompts, gates) = (AdapterFile.Prompts(folder, adapter), AdapterFile.Gates(folder, adapter));
        var (layers, length) = Shape(folder, prompts.shape[0], gates, adapter, promptLength);
        var adapted = gates.Skip(gates.Count - layers).ToArray();
        CheckEqualGates(folder, adapted);
        var tensors = new List<SafeTensor>();
        for (var i = 0; i < layers; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"base_model.model.model.layers.{adapted[i].Key}.self_attn.");
            tensors.Add(SafeTensor.Of(name + "adaption_gate", adapted[i].Value.flatten().narrow(0, 0, 1).tanh()));
            tensors.Add(SafeTensor.Of(name + "adaption_prompt", prompts.narrow(0, i * length, length).unsqueeze(0)));
        }
        SafeTensors.Write(Path.Combine(folder, WeightNames[0]), [.. tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)],
            new Dictionary<string, string> { ["format"] = "pt" });
        AtomicFile.Write(Path.Combine(folder, ConfigName), stream => stream.Write(Config(layers, length, baseModel)));
    }

    /// <summary>How many layers are adapted, and K: as told, as a training checkpoint's arguments say, or by the layers from the first gate that is not zero.</summary>
    static (int Layers, int Length) Shape(string folder, long rows, SortedList<int, torch.Tensor> gates, AdapterContents adapter, int? promptLength)
    {
        promptLength ??= adapter.Metadata.TryGetValue("args.adapter_len", out var stated)
            && int.TryParse(stated, NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? length : null;
        // Training never leaves a gate at exactly zero: those below the first other one belong to layers that are not adapted.
        var trained = gates.Values.SkipWhile(gate => gate.count_nonzero().item<long>() == 0).Count();
        var counted = promptLength ?? (trained > 0 && rows % trained == 0 ? rows / trained : 0);
        return counted > 0 && rows % counted == 0 && rows / counted <= gates.Count && gates.Keys[^1] - gates.Keys[0] == gates.Count - 1
            ? ((int)(rows / counted), (int)counted)
            : throw new ProblemException(folder, $"{rows} rows of prompts and gates of the layers {string.Join(", ", gates.Keys)}",
                "a prompt length that divides the rows", "say the prompt length");
    }

    static void CheckEqualGates(string folder, IEnumerable<KeyValuePair<int, torch.Tensor>> gates)
    {
        var problems = new List<Problem>();
        foreach (var (layer, gate) in gates)
        {
            var spread = (gate.max() - gate.min()).item<float>();
            if (!(spread <= SpreadMax))
                problems.Add(new($"{folder} {AdapterNames.Gate(layer)}", string.Create(CultureInfo.InvariantCulture, $"gates that differ by {spread:g4}"), $"at most {SpreadMax:g1}",
                    "PEFT holds one gate per layer: train with adapter.gate: shared, or export as safetensors or upstream"));
        }
        if (problems.Count > 0)
            throw new ProblemException(problems);
    }

    static byte[] Config(int layers, int length, string baseModel)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, new() { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteNumber("adapter_layers", layers);
            json.WriteNumber("adapter_len", length);
            json.WriteNull("auto_mapping");
            json.WriteString("base_model_name_or_path", baseModel);
            json.WriteBoolean("inference_mode", true);
            json.WriteString("peft_type", Kind);
            json.WriteNull("revision");
            json.WriteString("target_modules", "self_attn");
            json.WriteString("task_type", "CAUSAL_LM");
            json.WriteEndObject();
        }
        return memory.ToArray();
    }

    [GeneratedRegex(@"^base_model\.model\.model\.layers\.([0-9]{1,4})\.self_attn\.adaption_(prompt|gate)$")]
    private static partial Regex LayerTensor();
}
