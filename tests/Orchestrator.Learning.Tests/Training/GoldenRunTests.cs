using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol.Jobs;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

/// <summary>Values that the original training code computed, in fp32 on a CPU.</summary>
public class GoldenRunTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("v1_tiny", "llama-adapter", KernelKind.Reference)]
    [InlineData("v1_tiny", "llama-adapter", KernelKind.Fast)]
    [InlineData("v1_all_layers", "llama-adapter", KernelKind.Reference)]
    [InlineData("v1_all_layers", "llama-adapter", KernelKind.Fast)]
    [InlineData("methods/full", "full", KernelKind.Reference)]
    public void The_first_batch_has_the_originals_logits_and_loss_and_gradient(string name, string methodName, KernelKind kernels)
    {
        using var golden = new Golden(name);
        using var weights = golden.Weights();
        using var replica = Start(golden, weights, methodName, kernels);
        var batchSize = (int)golden.Number("batch");

        using var scope = NewDisposeScope();
        var logits = replica.Model.Logits(new PackedRows(golden.Batch(0, batchSize, allRows: true)), replica.Adapter);
        var lengths = golden.Values<long>("lengths");
        var expected = cat([.. Enumerable.Range(0, batchSize).Select(b => golden.Tensor("first.logits")[b].narrow(0, 0, lengths[b]))]);
        Check(1e-5, Close.Error(expected, logits), "logits");

        var batch = golden.Batch(0, batchSize);
        var gradient = new float[replica.Layout.Count];
        var result = replica.Backward(batch, 1.0 / batch.Supervised, gradient);
        var loss = golden.Values<float>("first.loss")[0];
        Check(1e-5, Math.Abs(result.LossSum / result.SupervisedTokens - loss) / loss, "loss");
        foreach (var (file, _, values) in Method(golden, methodName).ToFile(gradient))
        {
            if (golden.Names.Contains("first.grad." + file))
                Check(1e-4, Close.Error(golden.Values<float>("first.grad." + file), values.Span), $"gradient of {file}");
        }
    }

    [Theory]
    [InlineData("v1_tiny", "llama-adapter", KernelKind.Reference)]
    [InlineData("v1_tiny", "llama-adapter", KernelKind.Fast)]
    [InlineData("v1_all_layers", "llama-adapter", KernelKind.Reference)]
    [InlineData("v1_all_layers", "llama-adapter", KernelKind.Fast)]
    [InlineData("methods/full", "full", KernelKind.Reference)]
    public void A_whole_run_has_the_originals_losses_and_ends_at_its_parameters(string name, string methodName, KernelKind kernels)
    {
        using var golden = new Golden(name);
        using var weights = golden.Weights();
        using var replica = Start(golden, weights, methodName, kernels);
        var batchSize = (int)golden.Number("batch");
        var (rates, losses, order) = (golden.Values<float>("train.lrs"), golden.Values<float>("train.losses"), golden.Values<long>("train.batch_order"));
        var norms = golden.Names.Contains("train.grad_norms") ? golden.Values<float>("train.grad_norms") : null;

        var gradient = new float[replica.Layout.Count];
        var worst = 0.0;
        for (var step = 0; step < order.Length; step++)
        {
            var batch = golden.Batch((int)order[step] * batchSize, batchSize);
            var result = replica.Backward(batch, 1.0 / batch.Supervised, gradient);
            worst = Math.Max(worst, Math.Abs(result.LossSum / result.SupervisedTokens - losses[step]) / losses[step]);
            var norm = replica.Update(gradient, rates[step]);
            if (norms is not null)
                Close.Within(1e-3, Math.Abs(norm - norms[step]) / norms[step], $"norm of step {step}");
        }
        Check(1e-3, worst, "losses");
        Assert.Equal(order.Length, replica.Step.Number);
        foreach (var (file, _, values) in Method(golden, methodName).ToFile(replica.Parameters.ToArray()))
        {
            if (golden.Names.Contains("train.final." + file))
                Check(1e-3, Close.Error(golden.Values<float>("train.final." + file), values.Span), $"final {file}");
        }
    }

    static IAdapter Method(Golden golden, string name) => name == "full" ? new FullFineTuning(golden.Config) : Methods.Of(golden.Adapter with { Method = name }, golden.Config);

    static Replica Start(Golden golden, LlamaWeights weights, string methodName, KernelKind kernels)
    {
        DeterministicTorch.EnterWorkerThread(1);
        var method = Method(golden, methodName);
        var training = golden.Training with { GradientClip = methodName == "full" ? golden.Number("clip") : null };
        var replica = new Replica(weights, method, training, kernels);
        if (methodName != "full")
        {
            var state = new ReplicaState(method.Layout.Count);
            method.FromFile(golden.Tensors("adapter0."), "adapter0").CopyTo(state.Parameters, 0);
            replica.Import(state);
        }
        return replica;
    }

    void Check(double tolerance, double error, string what)
    {
        output.WriteLine($"{what}: {error:g3}");
        Close.Within(tolerance, error, what);
    }
}
