using System.Runtime.InteropServices;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Generation;

/// <summary>Continues a text: the prompt in one pass, then a token at a time. One thread at a time.</summary>
/// <param name="model">the base</param>
/// <param name="adapter">what acts on it; <see cref="BoundAdapter.None"/> for the bare base</param>
public sealed class Generator(LlamaModel model, BoundAdapter adapter)
{
    /// <summary>Generates as tokens are asked for. Stops at an end token, which is not returned, after <see cref="GenerationOptions.MaxNewTokens"/>, or at the context's end.</summary>
    /// <param name="prompt">at least one token</param>
    /// <param name="options">how tokens are drawn, and when to stop</param>
    public IEnumerable<int> Generate(int[] prompt, GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfZero(prompt.Length);
        return Tokens();

        IEnumerable<int> Tokens()
        {
            var end = Math.Min((long)prompt.Length + options.MaxNewTokens, options.Context ?? int.MaxValue);
            if (end <= prompt.Length)
                yield break;
            using var request = new Request(model, adapter, capacity: (int)end - 1);        // the last token is never read
            var sampling = new Sampling(options);
            var next = prompt;
            for (var position = prompt.Length; position < end; position++)
            {
                var token = sampling.Next(request.LogitsAfter(next), position);
                if (options.EndTokens.Contains(token))
                    yield break;
                yield return token;
                next = [token];
            }
        }
    }

    // What one text needs while it grows. The method's prompts go through the projections once.
    sealed class Request : IDisposable
    {
        readonly LlamaModel model;
        readonly BoundAdapter adapter;
        readonly KvCache cache;
        readonly Tensor[] prompts;
        readonly float[] logits;

        public Request(LlamaModel model, BoundAdapter adapter, int capacity)
        {
            (this.model, this.adapter) = (model, adapter);
            cache = new KvCache(model.Weights, capacity);
            logits = new float[model.Weights.Config.Vocabulary];
            using var scope = NewDisposeScope();
            using var unrecorded = no_grad();
            prompts = model.Projected(adapter);
            foreach (var prompt in prompts)
                prompt.DetachFromDisposeScope();
        }

        public ReadOnlySpan<float> LogitsAfter(int[] tokens)
        {
            using var scope = NewDisposeScope();
            using var unrecorded = no_grad();
            var last = model.Logits(cache.Next(tokens), adapter, prompts);                                     // [1, V]
            cache.Advance(tokens.Length);
            MemoryMarshal.Cast<byte, float>(last.to(float32).cpu().bytes).CopyTo(logits);
            return logits;
        }

        public void Dispose()
        {
            cache.Dispose();
            foreach (var prompt in prompts)
                prompt.Dispose();
        }
    }
}
