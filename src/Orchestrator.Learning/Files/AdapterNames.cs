using System.Globalization;

namespace Orchestrator.Learning.Files;

/// <summary>The names of LLaMA-Adapter's trained tensors (version 1) in the original's files.</summary>
public static class AdapterNames
{
    /// <summary>The prompts of all adapted layers, [L K, D].</summary>
    public const string Query = "adapter_query.weight";

    /// <summary>The gate of a layer, [1, H, 1, 1].</summary>
    public static string Gate(int layer) => string.Create(CultureInfo.InvariantCulture, $"layers.{layer}.attention.gate");

    /// <summary>Whether a name of a training checkpoint is the adapter's and not the base's.</summary>
    public static bool IsAdapter(string name) => name == Query || LayerOfGate(name) >= 0;

    /// <summary>The layer whose gate has that name, -1 for any other name.</summary>
    public static int LayerOfGate(string name) =>
        name.StartsWith("layers.", StringComparison.Ordinal) && name.EndsWith(".attention.gate", StringComparison.Ordinal) && name.Length > 22
        && int.TryParse(name.AsSpan(7, name.Length - 22), NumberStyles.None, CultureInfo.InvariantCulture, out var layer) ? layer : -1;
}
