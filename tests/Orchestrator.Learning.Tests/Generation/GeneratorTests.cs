using Microsoft.ML.Tokenizers;
using Orchestrator.Harness;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Generation;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Tests.Training;
using Orchestrator.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;
using Generator = Orchestrator.Learning.Generation.Generator;

namespace Orchestrator.Learning.Tests.Generation;

public class GeneratorTests
{
    [Fact]
    public void Stories260K_continues_its_sentence()
    {
        DeterministicTorch.EnterWorkerThread(1);
        var tokenizerFile = Shared.Find("models/stories260K/tokenizer.model");
        Assert.SkipWhen(tokenizerFile is null, "../shared/models/stories260K is missing");
        using var stream = File.OpenRead(tokenizerFile!);
        var tokenizer = LlamaTokenizer.Create(stream, addBeginOfSentence: true, addEndOfSentence: false);
        using var golden = new Golden("models/stories260K/model.safetensors");
        using var weights = LlamaWeights.Load(Stories, (name, wanted) => FromHuggingFace(golden, name).to(wanted, copy: true), ScalarType.Float32, CPU);
        using var model = new LlamaModel(weights);

        int[] prompt = [.. tokenizer.EncodeToIds("Once upon a time, there was a little girl")];
        var text = new Generator(model, BoundAdapter.None).Generate(prompt, new GenerationOptions { Temperature = 0, MaxNewTokens = 45, EndTokens = [1, 2] });
        var story = tokenizer.Decode([.. prompt.Skip(1), .. text]);
        Assert.StartsWith("Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball.", story, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("llama-adapter")]
    public void With_the_cache_a_text_is_what_it_would_be_without(string? methodName)
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var weights = RandomModels.Weights(RandomModels.Grouped, ScalarType.Float64);
        using var model = new LlamaModel(weights);
        var method = methodName is null ? null : RandomModels.Method(methodName, weights.Config);
        using var bound = method is null ? null : RandomModels.Bound(method, weights, RandomModels.Vector(method, weights));
        var adapter = bound ?? BoundAdapter.None;

        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        int[] prompt = [1, 5, 9];
        int[] text = [.. new Generator(model, adapter).Generate(prompt, new GenerationOptions { Temperature = 0, MaxNewTokens = 20 })];
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal(20, text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            using var scope = NewDisposeScope();
            using var unrecorded = no_grad();
            int[] before = [.. prompt, .. text[..i]];
            var rows = new PackedRows(Packed.Of([new(before, [.. before.Select(_ => 1)])], lastRowToo: true));
            Assert.Equal(text[i], Sampling.Likeliest([.. model.Logits(rows, adapter)[-1].to(ScalarType.Float32).data<float>()]));
        }
    }

    [Fact]
    public void Several_tokens_can_follow_a_filled_cache_in_one_pass()
    {
        using var weights = RandomModels.Weights(RandomModels.Grouped, ScalarType.Float64);
        using var model = new LlamaModel(weights);
        using var scope = NewDisposeScope();
        using var unrecorded = no_grad();
        Assert.True(Close.Error(After([1, 5, 9, 3, 7, 2]), After([1, 5, 9], [3, 7, 2])) < 1e-14);
        Assert.True(Close.Error(After([1, 5, 9, 3, 7, 2]), After([1, 5], [9], [3, 7], [2])) < 1e-14);

        Tensor After(params int[][] passes)
        {
            using var cache = new KvCache(weights, 8);
            Tensor? logits = null;
            foreach (var pass in passes)
            {
                logits = model.Logits(cache.Next(pass), BoundAdapter.None);
                cache.Advance();
            }
            return logits!;
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("llama-adapter")]
    public void Texts_side_by_side_are_what_each_is_alone(string? methodName)
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var weights = RandomModels.Weights(RandomModels.Grouped, ScalarType.Float64);
        using var model = new LlamaModel(weights);
        var method = methodName is null ? null : RandomModels.Method(methodName, weights.Config);
        using var bound = method is null ? null : RandomModels.Bound(method, weights, RandomModels.Vector(method, weights));
        var generator = new Generator(model, bound ?? BoundAdapter.None);
        int[][] prompts = [[1, 5, 9], [2], [7, 7, 3, 1, 4, 4], [8, 1], [1, 5, 9]];
        foreach (var temperature in (double[])[0, 1])
        {
            var options = new GenerationOptions { Temperature = temperature, TopP = 0.9, MaxNewTokens = 20, Seed = 5 };
            int[] first = [.. generator.Generate(prompts[2], options)];
            options = options with { EndTokens = [first[5]], Context = 22 };             // texts end one after another, by all three reasons
            int[] bounds = [20, 20, 20, 4, 0];
            var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            var together = generator.GenerateAll(prompts, options, bounds);
            Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
            for (var i = 0; i < prompts.Length; i++)
                Assert.Equal(generator.Generate(prompts[i], options with { MaxNewTokens = bounds[i] }), together[i]);
            Assert.True(together.Select(text => text.Count).Distinct().Count() >= 3);
        }
    }

    [Fact]
    public void A_text_ends_at_its_end_token_at_its_length_or_at_the_context()
    {
        using var weights = RandomModels.Weights(RandomModels.Tiny, ScalarType.Float32);
        using var model = new LlamaModel(weights);
        var generator = new Generator(model, BoundAdapter.None);
        var options = new GenerationOptions { Temperature = 0, MaxNewTokens = 10 };
        int[] text = [.. generator.Generate([1, 2, 3], options)];
        Assert.Equal(10, text.Length);
        var end = text[6];
        Assert.Equal(text.TakeWhile(token => token != end), generator.Generate([1, 2, 3], options with { EndTokens = [end] }));
        Assert.Equal(text[..4], generator.Generate([1, 2, 3], options with { Context = 7 }));
        Assert.Empty(generator.Generate([1, 2, 3], options with { Context = 3 }));
    }

    static LlamaConfig Stories => new()
    {
        Dim = 64,
        Layers = 5,
        Heads = 8,
        KeyValueHeads = 4,
        HeadDim = 8,
        Hidden = 172,
        Vocabulary = 512,
        NormEpsilon = 1e-5,
        TiedOutput = true,
    };

    // Hugging Face's names, and its rows of q and k: per head, the pairs' first halves before their second halves.
    static Tensor FromHuggingFace(Golden file, string name)
    {
        var theirs = name switch
        {
            "tok_embeddings.weight" => "model.embed_tokens.weight",
            "norm.weight" => "model.norm.weight",
            _ => "model." + name.Replace("attention_norm", "input_layernorm", StringComparison.Ordinal).Replace("ffn_norm", "post_attention_layernorm", StringComparison.Ordinal)
                .Replace("attention.w", "self_attn.", StringComparison.Ordinal).Replace("feed_forward.w1", "mlp.gate_proj", StringComparison.Ordinal)
                .Replace("feed_forward.w2", "mlp.down_proj", StringComparison.Ordinal).Replace("feed_forward.w3", "mlp.up_proj", StringComparison.Ordinal),
        };
        if (theirs.Contains("self_attn.", StringComparison.Ordinal))
            theirs = theirs.Replace(".weight", "_proj.weight", StringComparison.Ordinal);
        var weight = file.Tensor(theirs);
        return theirs.Contains("q_proj", StringComparison.Ordinal) || theirs.Contains("k_proj", StringComparison.Ordinal)
            ? weight.view(-1, 2, Stories.HeadDim / 2, Stories.Dim).transpose(1, 2).reshape(weight.shape)
            : weight;
    }
}
