using System.Runtime.InteropServices;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Generation;

/// <summary>Continues texts: the prompts in one pass, then a token of each at a time. One thread at a time.</summary>
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
            var end = EndOf(prompt, options, options.MaxNewTokens);
            if (end <= prompt.Length)
                yield break;
            using var request = new Request(model, adapter, capacity: end - 1, texts: 1);        // the last token is never read
            var sampling = new Sampling(options);
            var next = prompt;
            for (var position = prompt.Length; position < end; position++)
            {
                request.Read([next]);
                var token = sampling.Next(request.LogitsOf(0), position);
                if (options.EndTokens.Contains(token))
                    yield break;
                yield return token;
                next = [token];
            }
        }
    }

    /// <summary>
    /// Generates several texts side by side: each weight is read once for a token of all of them. A text is what <see cref="Generate"/> would give for its prompt, but for the rounding
    /// of products of another height.
    /// </summary>
    /// <param name="prompts">each at least one token</param>
    /// <param name="options">how tokens are drawn, and when to stop</param>
    /// <param name="newTokensMax">of each prompt, a bound of its own beside that of the options; null without</param>
    /// <returns>of each prompt, the tokens that came</returns>
    public IReadOnlyList<IReadOnlyList<int>> GenerateAll(IReadOnlyList<int[]> prompts, GenerationOptions options, IReadOnlyList<int>? newTokensMax = null)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(options);
        var texts = prompts.Select(_ => new List<int>()).ToList();
        var ends = prompts.Select((prompt, i) => EndOf(prompt, options, Math.Min(options.MaxNewTokens, newTokensMax?[i] ?? int.MaxValue))).ToList();
        var going = Enumerable.Range(0, prompts.Count).Where(i => ends[i] > prompts[i].Length).ToList();
        if (going.Count == 0)
            return texts;
        using var request = new Request(model, adapter, capacity: going.Max(i => ends[i]) - 1, going.Count);
        var sampling = new Sampling(options);
        var next = going.Select(i => prompts[i]).ToArray();
        while (going.Count > 0)
        {
            request.Read(next);
            var (kept, tokens) = (new List<int>(), new List<int[]>());
            for (var slot = 0; slot < going.Count; slot++)
            {
                var i = going[slot];
                var token = sampling.Next(request.LogitsOf(slot), prompts[i].Length + texts[i].Count);
                if (options.EndTokens.Contains(token))
                    continue;
                texts[i].Add(token);
                if (prompts[i].Length + texts[i].Count == ends[i])
                    continue;
                kept.Add(slot);
                tokens.Add([token]);
            }
            if (kept.Count < going.Count && kept.Count > 0)
                request.Keep(kept);
            going = [.. kept.Select(slot => going[slot])];
            next = [.. tokens];
        }
        return texts;
    }

    static int EndOf(int[] prompt, GenerationOptions options, int newTokensMax) => (int)Math.Min((long)prompt.Length + newTokensMax, options.Context ?? int.MaxValue);

    // What texts need while they grow. The method's prompts go through the projections once.
    sealed class Request : IDisposable
    {
        readonly LlamaModel model;
        readonly BoundAdapter adapter;
        readonly KvCache cache;
        readonly Tensor[] prompts;
        readonly int vocabulary;
        readonly float[] logits;        // [texts, V]

        public Request(LlamaModel model, BoundAdapter adapter, int capacity, int texts)
        {
            (this.model, this.adapter) = (model, adapter);
            cache = new KvCache(model.Weights, capacity, texts);
            vocabulary = model.Weights.Config.Vocabulary;
            logits = new float[texts * vocabulary];
            using var scope = NewDisposeScope();
            using var unrecorded = no_grad();
            prompts = model.Projected(adapter);
            foreach (var prompt in prompts)
                prompt.DetachFromDisposeScope();
        }

        /// <summary>Reads the tokens that come next in each text.</summary>
        public void Read(ReadOnlySpan<int[]> tokens)
        {
            using var scope = NewDisposeScope();
            using var unrecorded = no_grad();
            var last = model.Logits(cache.Next(tokens), adapter, prompts);                                     // [texts, V]
            cache.Advance();
            MemoryMarshal.Cast<byte, float>(last.to(float32).cpu().bytes).CopyTo(logits);
        }

        /// <summary>The logits behind a text.</summary>
        public ReadOnlySpan<float> LogitsOf(int slot) => logits.AsSpan(slot * vocabulary, vocabulary);

        /// <summary>Goes on with some of the texts.</summary>
        public void Keep(IReadOnlyList<int> slots) => cache.Keep(slots);

        public void Dispose()
        {
            cache.Dispose();
            foreach (var prompt in prompts)
                prompt.Dispose();
        }
    }
}
