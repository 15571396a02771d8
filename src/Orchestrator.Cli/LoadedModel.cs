using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Generation;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using TorchSharp;

namespace Orchestrator.Cli;

/// <summary>A base in memory with an adapter on it, for the verbs that use one. It belongs to the thread that opened it.</summary>
sealed class LoadedModel : IDisposable
{
    readonly LlamaWeights weights;
    readonly Tokenizer? tokenizer;
    readonly string tokenizerPlace;

    LoadedModel(LlamaWeights weights, BoundAdapter adapter, Tokenizer? tokenizer, string tokenizerPlace)
    {
        (this.weights, Adapter, this.tokenizer, this.tokenizerPlace) = (weights, adapter, tokenizer, tokenizerPlace);
        Model = new LlamaModel(weights);
        Generator = new Generator(Model, adapter);
    }

    /// <summary>The base.</summary>
    public LlamaModel Model { get; }

    /// <summary>What acts on it.</summary>
    public BoundAdapter Adapter { get; }

    /// <summary>Continues texts.</summary>
    public Generator Generator { get; }

    /// <summary>The base's tokenizer, or null.</summary>
    public Tokenizer? TokenizerIfAny => tokenizer;

    /// <summary>The base's tokenizer.</summary>
    /// <exception cref="ProblemException">it has none</exception>
    public Tokenizer Tokenizer => tokenizer ?? throw new ProblemException(tokenizerPlace, "no tokenizer.model", "one beside the model", "name it by --tokenizer FILE");

    /// <summary>Tokens that end an answer: the tokenizer's and those that the base's configuration names.</summary>
    public IReadOnlyList<int> EndTokens => [.. Model.Weights.Config.EndTokens, .. tokenizer is null ? [] : new[] { tokenizer.Eos }];

    /// <summary>Reads base, adapter and tokenizer.</summary>
    /// <exception cref="ProblemException">one of them cannot be used</exception>
    public static LoadedModel Open(ModelRequest request, IProgress<TrainingProgress> view)
    {
        var device = DeviceOf(request.Device);
        var precision = request.Precision ?? (device == DeviceKind.Cuda ? Precision.Bf16 : Precision.Fp32);
        DeterministicTorch.EnterWorkerThread(request.Threads ?? Math.Min(Environment.ProcessorCount, 8));
        using var folder = ModelFolder.Open(request.Model);
        var tokenizerPath = request.Tokenizer ?? folder.TokenizerPath;
        var tokenizer = tokenizerPath is null ? null : Tokenizer.Open(tokenizerPath);
        var read = new BytesRead(view, folder.Bytes);
        var weights = LlamaWeights.Load(folder.Config, (name, type) => folder.Read(name, type, read), DeterministicTorch.TypeOf(precision), device == DeviceKind.Cuda ? torch.CUDA : torch.CPU);
        read.Finish();
        return new LoadedModel(weights, request.Adapter is null ? BoundAdapter.None : Bind(request.Adapter, weights), tokenizer, request.Model);
    }

    /// <summary>The text that continues a prompt, piece by piece as it comes.</summary>
    public IEnumerable<string> Continue(int[] prompt, GenerationOptions options, CancellationToken stop)
    {
        var stream = new TokenStream(Tokenizer);
        foreach (var token in Generator.Generate(prompt, options with { EndTokens = EndTokens }))
        {
            if (stream.Add(token) is { Length: > 0 } text)
                yield return text;
            if (stop.IsCancellationRequested)
                break;
        }
        if (stream.Finish() is { Length: > 0 } rest)
            yield return rest;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Adapter.Dispose();
        Model.Dispose();
        weights.Dispose();
    }

    static BoundAdapter Bind(string path, LlamaWeights weights)
    {
        using var contents = AdapterFile.Read(path, weights.Config.Heads);
        var method = Methods.Of(AdapterShape.Of(contents, weights.Config, path), weights.Config);
        using var vector = torch.tensor(method.FromFile(contents.Tensors, path));
        return BoundAdapter.Over(method, weights, vector, trained: false);
    }

    static DeviceKind DeviceOf(DeviceKind? wanted)
    {
        var hasGpu = torch.cuda.is_available();
        return wanted == DeviceKind.Cuda && !hasGpu
            ? throw new ProblemException("--device", "cuda, and no GPU that libtorch can use", "cpu", "build with -p:Device=cuda on a machine with an NVIDIA GPU")
            : wanted ?? (hasGpu ? DeviceKind.Cuda : DeviceKind.Cpu);
    }

    // A base below this is there before a person could read of it.
    const long ShownBytesMin = 200_000_000;

    sealed class BytesRead(IProgress<TrainingProgress> view, long total) : IProgress<long>
    {
        long done;

        public void Report(long value)
        {
            done += value;
            if (total >= ShownBytesMin)
                view.Report(new TrainingProgress.Preparing("reading the base", Math.Min(done, total - 1), total, "bytes"));
        }

        public void Finish()
        {
            if (total >= ShownBytesMin)
                view.Report(new TrainingProgress.Preparing("reading the base", total, total, "bytes"));
        }
    }
}
