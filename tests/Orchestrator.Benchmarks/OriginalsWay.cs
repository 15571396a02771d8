using System.Diagnostics;
using System.Runtime.InteropServices;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using static TorchSharp.torch;

namespace Orchestrator.Benchmarks;

/// <summary>The reference kernels, fed as the original feeds its own: every example padded to 512 rows, logits of all of them, labels that count or not.</summary>
static class OriginalsWay
{
    /// <summary>Rows of an example.</summary>
    public const int Width = 512;

    /// <summary>The gradient of the sum of the supervised tokens' losses.</summary>
    public static void Backward(Replica replica, IReadOnlyList<Example> examples, Span<float> gradient)
    {
        using var scope = NewDisposeScope();
        MemoryMarshal.Cast<byte, float>(replica.Adapter.GradientOf(Loss(replica, examples)).bytes).CopyTo(gradient);
    }

    /// <summary>Bytes that the process grows by when a forward pass is made and kept for its backward pass: everything that is recorded, before any of it is freed.</summary>
    public static long ActivationBytes(Replica replica, IEnumerable<Example> examples)
    {
        using var scope = NewDisposeScope();
        var batch = examples.ToList();
        var before = Resident();
        using var loss = Loss(replica, batch);
        return Resident() - before;
    }

    static Tensor Loss(Replica replica, IReadOnlyList<Example> examples)
    {
        var (tokens, labels) = (new int[examples.Count * Width], new long[examples.Count * Width]);
        Array.Fill(labels, Example.Unsupervised);
        for (var e = 0; e < examples.Count; e++)
        {
            var example = examples[e];
            example.Tokens.CopyTo(tokens, e * Width);
            for (var t = 1; t < example.Tokens.Length; t++)
                labels[e * Width + t - 1] = example.Labels[t];
        }
        var rows = Enumerable.Range(0, tokens.Length).ToArray();
        var logits = replica.Model.Logits(new Rows(tokens, [.. rows.Select(row => row % Width)],
            [.. Enumerable.Range(0, examples.Count).Select(e => new Segment(e * Width, Width, -1))], rows), replica.Adapter);
        return nn.functional.cross_entropy(logits, tensor(labels), ignore_index: Example.Unsupervised, reduction: nn.Reduction.Sum);
    }

    static long Resident()
    {
        using var self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }
}
