using System.Globalization;
using System.Text.RegularExpressions;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Llama;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using TorchSharp;

namespace Orchestrator.Cli;

/// <summary>
/// Which method an adapter's file is of, and its sizes. A file of the original says neither: it holds L K rows of prompts, and gates of all layers, those below
/// the adapted ones unused; its name often does: <c>llama_adapter_len10_layer30_release.pth</c>.
/// </summary>
static partial class AdapterShape
{
    /// <summary>The method and sizes that the file's tensors, or its own words (<c>layers</c>, <c>length</c>), say.</summary>
    /// <exception cref="ProblemException">the tensors are of no method that this project knows, or do not fit the base</exception>
    public static AdapterSpec Of(AdapterContents adapter, LlamaConfig config, string path)
    {
        if (adapter.Tensors.ContainsKey(MetaNames.Embedding))
            return new AdapterSpec { Method = "full" };
        if (!adapter.Tensors.TryGetValue("adapter_query.weight", out var prompts) || prompts.shape.Length != 2)
            throw new ProblemException(path, string.Join(", ", adapter.Tensors.Keys.Take(3)), "adapter_query.weight, [L K, D]", "only LLaMA-Adapter's and full weights can be used");
        var rows = (int)prompts.shape[0];
        var layers = Said(adapter, "layers") ?? NamedLayers(path) ?? (Said(adapter, "length") is { } length ? rows / length : config.Layers - LowestGate(adapter, config));
        return layers >= 1 && layers <= config.Layers && rows % layers == 0
            ? new AdapterSpec { Layers = layers, Length = rows / layers }
            : throw new ProblemException(path, $"{rows} rows of prompts and gates that begin in layer {config.Layers - layers}", $"a multiple of the adapted layers of a base with {config.Layers}",
                "this adapter was trained on another base, or its name should say its sizes: len10_layer30");
    }

    static int? Said(AdapterContents adapter, string name)
        => adapter.Metadata.TryGetValue(name, out var text) && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : null;

    static int? NamedLayers(string path)
        => SizesInName().Match(Path.GetFileName(path)) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    // Gates below the adapted layers are zero in the original's files, and absent in others'.
    static int LowestGate(AdapterContents adapter, LlamaConfig config)
    {
        var gates = adapter.Tensors
            .Select(pair => (Match: GateName().Match(pair.Key), Gate: pair.Value))
            .Where(gate => gate.Match.Success)
            .Select(gate => (Layer: int.Parse(gate.Match.Groups[1].Value, CultureInfo.InvariantCulture), gate.Gate))
            .OrderBy(gate => gate.Layer)
            .ToList();
        using var scope = torch.NewDisposeScope();
        foreach (var (layer, gate) in gates)
            if (gate.count_nonzero().item<long>() > 0)
                return layer;
        // All gates are zero: whatever the sizes, this adapter changes nothing.
        return gates.Count < config.Layers && gates.Count > 0 ? gates[0].Layer : 0;
    }

    [GeneratedRegex(@"len[0-9]{1,4}_layer([0-9]{1,4})")]
    private static partial Regex SizesInName();

    [GeneratedRegex(@"^layers\.([0-9]{1,4})\.attention\.gate$")]
    private static partial Regex GateName();
}
