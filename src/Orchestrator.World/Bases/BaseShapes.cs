using Orchestrator.Learning.Llama;

namespace Orchestrator.World.Bases;

/// <summary>The shapes of the demonstration's base: a LLaMA of 1.15 million numbers, 2.3 MB in bf16.</summary>
public static class BaseShapes
{
    /// <summary>Longest text that the base is meant for, in tokens.</summary>
    public const int ContextTokens = 512;

    /// <summary>The shapes for a vocabulary of <paramref name="vocabulary"/> pieces.</summary>
    public static LlamaConfig Of(int vocabulary) => new()
    {
        Dim = 128, Layers = 4, Heads = 4, KeyValueHeads = 4, HeadDim = 32, Hidden = 352, Vocabulary = vocabulary, NormEpsilon = 1e-5,
    };
}
