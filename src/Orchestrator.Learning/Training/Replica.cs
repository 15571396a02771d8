using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Kernels;
using Orchestrator.Learning.Llama;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using TorchSharp;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Orchestrator.Learning.Training;

/// <summary>What the backward pass of a micro-batch gave beside its gradient.</summary>
/// <param name="LossSum">sum of the token losses, in nats, not weighted</param>
/// <param name="SupervisedTokens">how many tokens that sums over</param>
public readonly record struct BackwardResult(double LossSum, int SupervisedTokens);

/// <summary>
/// The model that a worker holds: the shared, frozen base, the trained numbers, and the optimiser's moments. One thread at a time; that thread has called
/// <see cref="DeterministicTorch.EnterWorkerThread"/>.
/// </summary>
public sealed class Replica : IDisposable
{
    readonly LlamaModel model;
    readonly IAdapter method;
    readonly TrainingSpec training;
    readonly AdamW adamW;
    readonly Tensor vector;                 // [Count] fp32 on the CPU: the truth
    readonly BoundAdapter adapter;          // the same numbers as leaf tensors where the model is
    readonly float[] firstMoments;
    readonly float[] secondMoments;
    readonly IFrozenStep? fast;             // null: the reference computes
    Task held = Task.CompletedTask;

    /// <summary>A replica at step 0, with the method's start values: a function of the base, the method and the seed.</summary>
    /// <param name="weights">the frozen base; it outlives the replica</param>
    /// <param name="method">what is trained</param>
    /// <param name="training">the optimiser's settings and the seed</param>
    /// <param name="kernels">which implementation computes</param>
    /// <param name="threads">of the fast kernels; the reference takes as many as its thread has entered with</param>
    /// <exception cref="NotSupportedException">the fast kernels are asked for and cannot compute this: <see cref="FastKernels.Obstacle"/></exception>
    public Replica(LlamaWeights weights, IAdapter method, TrainingSpec training, KernelKind kernels = KernelKind.Reference, int threads = 1)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(training);
        this.method = method;
        this.training = training;
        adamW = new AdamW(training);
        model = new LlamaModel(weights);
        vector = zeros(Layout.Count, dtype: ScalarType.Float32).DetachFromDisposeScope();
        firstMoments = new float[Layout.Count];
        secondMoments = new float[Layout.Count];
        Layout.Start(weights, training.Seed, Numbers);
        adapter = BoundAdapter.Over(method, weights, vector, trained: true);
        fast = kernels == KernelKind.Fast ? FastKernels.Of(weights, method, threads) : null;
    }

    /// <summary>The order of the trained numbers.</summary>
    public ParameterLayout Layout => method.Layout;

    /// <summary>Updates made.</summary>
    public Step Step { get; private set; } = Step.Start;

    /// <summary>The trained numbers, in the layout's order. Valid until the replica is disposed.</summary>
    public ReadOnlySpan<float> Parameters => Numbers;

    /// <summary>The model, for evaluation between steps.</summary>
    public LlamaModel Model => model;

    /// <summary>The method with its present numbers, for evaluation between steps.</summary>
    public BoundAdapter Adapter => adapter;

    /// <summary>Bytes that the fast kernels hold for activations and their gradients, bounded by the largest micro-batch so far; 0 for the reference, which keeps none.</summary>
    public long ActivationBytes => fast?.ActivationBytes ?? 0;

    /// <summary>Gives the memory of activations back while nothing is computed; the next micro-batch takes it anew.</summary>
    public void ReleaseActivations() => fast?.Release();

    /// <summary>Forward and backward: the gradient of <c>weight × the sum of the token losses</c>.</summary>
    /// <param name="batch">the packed examples</param>
    /// <param name="weight">what each token's loss counts: 1 / supervised tokens of the step</param>
    /// <param name="gradient">[Layout.Count], overwritten</param>
    public BackwardResult Backward(MicroBatch batch, double weight, Span<float> gradient)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfNotEqual(gradient.Length, Layout.Count);
        if (batch.Supervised == 0)
        {
            gradient.Clear();
            return default;
        }
        var loss = fast?.Backward(batch, Numbers, gradient) ?? ReferenceBackward(batch, gradient);
        // Weighted last: a weight of one in thousands would push the gradients of fp16 products below what the type can hold.
        TensorPrimitives.Multiply(gradient, (float)weight, gradient);
        return new BackwardResult(loss, batch.Supervised);
    }

    /// <summary>The loss of the present numbers on a micro-batch: the same bits as <see cref="Backward"/> gives.</summary>
    public BackwardResult Loss(MicroBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Supervised == 0)
            return default;
        return new BackwardResult(fast?.Loss(batch, Numbers) ?? ReferenceLoss(batch), batch.Supervised);
    }

    /// <summary>Clips, lets AdamW update, and counts a step.</summary>
    /// <param name="gradient">the whole step's, [Layout.Count]</param>
    /// <param name="learningRate">of this step</param>
    /// <returns>the gradient's L2 norm before clipping</returns>
    public double Update(ReadOnlySpan<float> gradient, double learningRate)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(gradient.Length, Layout.Count);
        held.Wait();
        var norm = GradientNorm.Of(gradient);
        var scale = GradientNorm.Scale(norm, training.GradientClip);
        var step = Step.Next;
        for (var i = 0; i < Layout.Parameters; i++)
        {
            var (offset, length) = (Layout.Offset(i), Layout.Length(i));
            adamW.Update(step.Number, learningRate, scale, Layout[i].Decays, gradient.Slice(offset, length),
                Numbers.Slice(offset, length), firstMoments.AsSpan(offset, length), secondMoments.AsSpan(offset, length));
        }
        adapter.Refresh(vector);
        Step = step;
        return norm;
    }

    /// <summary>
    /// Leaves everything that <see cref="Export"/> copies as it is until <paramref name="copied"/> has ended: another thread may copy it meanwhile, while this one computes on. What changes it waits.
    /// </summary>
    public void HoldUntil(Task copied)
    {
        ArgumentNullException.ThrowIfNull(copied);
        held.Wait();
        held = copied;
    }

    /// <summary>Copies everything that changes into <paramref name="into"/>.</summary>
    public void Export(ReplicaState into)
    {
        ArgumentNullException.ThrowIfNull(into);
        Numbers.CopyTo(into.Parameters);
        firstMoments.CopyTo(into.FirstMoments, 0);
        secondMoments.CopyTo(into.SecondMoments, 0);
        into.Step = Step;
    }

    /// <summary>Takes over what another replica exported.</summary>
    /// <exception cref="ArgumentException">it is of another layout's length</exception>
    public void Import(ReplicaState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentOutOfRangeException.ThrowIfNotEqual(state.Parameters.Length, Layout.Count);
        held.Wait();
        state.Parameters.CopyTo(Numbers);
        state.FirstMoments.CopyTo(firstMoments, 0);
        state.SecondMoments.CopyTo(secondMoments, 0);
        Step = state.Step;
        adapter.Refresh(vector);
    }

    /// <summary>SHA-256 of the trained numbers' little-endian bytes, as lower-case hexadecimal digits.</summary>
    public string Digest() => Convert.ToHexStringLower(SHA256.HashData(vector.bytes));

    /// <inheritdoc/>
    public void Dispose()
    {
        held.Wait();
        fast?.Dispose();
        adapter.Dispose();
        vector.Dispose();
        model.Dispose();
    }

    double ReferenceBackward(MicroBatch batch, Span<float> gradient)
    {
        using var scope = NewDisposeScope();
        var loss = SupervisedLoss.Sum(model.Logits(new PackedRows(batch), adapter), batch.Labels.Span);
        MemoryMarshal.Cast<byte, float>(adapter.GradientOf(loss).bytes).CopyTo(gradient);
        return loss.ToDouble();
    }

    double ReferenceLoss(MicroBatch batch)
    {
        using var scope = NewDisposeScope();
        using var unrecorded = no_grad();
        return SupervisedLoss.Sum(model.Logits(new PackedRows(batch), adapter), batch.Labels.Span).ToDouble();
    }

    Span<float> Numbers => MemoryMarshal.Cast<byte, float>(vector.bytes);
}
