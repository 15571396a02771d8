using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.World.Checks;

/// <summary>What a model says, word by word the likeliest.</summary>
public sealed class Answers(LlamaModel model, Tokenizer tokenizer)
{
    const int NewTokensMax = 16;

    /// <summary>The answers to prompts, each up to its end or to 16 tokens, letter for letter.</summary>
    public string[] To(IReadOnlyList<string> prompts, BoundAdapter adapter)
    {
        using var unrecorded = no_grad();
        var answers = new string[prompts.Count];
        var texts = prompts.Select((prompt, index) => (Index: index, Tokens: tokenizer.Encode(prompt, bos: true).ToList()));
        foreach (var group in texts.GroupBy(text => text.Tokens.Count))
        {
            var equal = group.ToArray();
            for (var i = 0; i < NewTokensMax; i++)
                Continue([.. equal.Select(text => text.Tokens)], adapter);
            foreach (var (index, tokens) in equal)
            {
                var answer = tokens[group.Key..];
                var end = answer.IndexOf(tokenizer.Eos);
                answers[index] = tokenizer.DecodeContinuation([.. end < 0 ? answer : answer[..end]]);
            }
        }
        return answers;
    }

    void Continue(List<int>[] texts, BoundAdapter adapter)
    {
        using var scope = NewDisposeScope();
        var next = model.Logits(new EqualRows(texts), adapter).argmax(-1).data<long>().ToArray();
        for (var i = 0; i < texts.Length; i++)
            texts[i].Add((int)next[i]);
    }
}
