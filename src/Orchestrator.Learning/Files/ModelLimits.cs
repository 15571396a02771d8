using Orchestrator.Learning.Llama;

namespace Orchestrator.Learning.Files;

/// <summary>Bounds on shapes, far above any LLaMA: what a configuration claims is checked before anything is computed from it.</summary>
static class ModelLimits
{
    public const int Width = 1 << 20;
    public const int Layers = 4096;
    public const int Vocabulary = 1 << 24;

    /// <summary>What must hold between the shapes of any LLaMA.</summary>
    public static void Check(ConfigJson config, LlamaConfig shapes)
    {
        if (config.Problems.Count > 0)
            return;
        if (shapes.Heads % shapes.KeyValueHeads != 0)
            config.Problems.Add(new($"{config.Path} key-value heads", $"{shapes.KeyValueHeads}", $"a divisor of the {shapes.Heads} query heads"));
        if (shapes.HeadDim < 2 || shapes.HeadDim % 2 != 0)
            config.Problems.Add(new($"{config.Path} width of a head", $"{shapes.HeadDim}", "an even number: rotary angles turn pairs"));
    }
}
