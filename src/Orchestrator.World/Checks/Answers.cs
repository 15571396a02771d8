using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Generation;
using Orchestrator.Learning.Llama;

namespace Orchestrator.World.Checks;

/// <summary>What a model says, always the likeliest token.</summary>
/// <param name="model">the base</param>
/// <param name="adapter">what acts on it</param>
/// <param name="tokenizer">the base's</param>
public sealed class Answers(LlamaModel model, BoundAdapter adapter, Tokenizer tokenizer)
{
    readonly Generator generator = new(model, adapter);
    readonly GenerationOptions greedy = new() { Temperature = 0, MaxNewTokens = 16, EndTokens = [tokenizer.Eos] };

    /// <summary>The answer to a prompt up to its end or to 16 tokens, letter for letter.</summary>
    public string To(string prompt) => tokenizer.DecodeContinuation([.. generator.Generate(tokenizer.Encode(prompt, bos: true), greedy)]);
}
