using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;

namespace Orchestrator.Learning.Kernels;

/// <summary>A micro-batch's loss and gradient by kernels.</summary>
interface IFrozenStep : IDisposable
{
    /// <summary>Bytes of everything that it holds for activations and their gradients: what the largest micro-batch so far has needed.</summary>
    long ActivationBytes { get; }

    /// <summary>Forward and backward.</summary>
    /// <param name="batch">at least one supervised token</param>
    /// <param name="vector">the trained numbers</param>
    /// <param name="gradient">of the sum of the token losses, overwritten</param>
    /// <returns>the sum of the token losses, in nats</returns>
    double Backward(MicroBatch batch, ReadOnlySpan<float> vector, Span<float> gradient);

    /// <summary>Forward only: the same bits of the loss.</summary>
    double Loss(MicroBatch batch, ReadOnlySpan<float> vector);

    /// <summary>Gives the memory of activations back; the next micro-batch takes it anew.</summary>
    void Release();
}

/// <summary>
/// Forward and backward of a LLaMA whose weights stay and whose prompts are trained, written out: no gradient of a weight, nothing recorded, memory that is used
/// again. The residual stream, its gradient, softmaxes, norms, gates and the loss are fp32; operands of products are of the base's type.
/// </summary>
/// <remarks>
/// Each thread of the team takes a part of the rows, in blocks, and within attention a part of the heads. What is kept for the backward pass stands in
/// <see cref="LayerMemory"/>; what is cheap is computed again.
/// </remarks>
sealed unsafe partial class FrozenStep<TElement, L> : IFrozenStep where TElement : struct, IElement where L : struct, ILanes<L>
{
    readonly LlamaConfig config;
    readonly IPromptGradient method;
    readonly int lowest;                            // layer that is trained
    readonly int last;
    readonly float epsilon;
    readonly LayerWeights[] weights;
    readonly float* norm;
    readonly Vocabulary vocabulary;
    readonly Matrix embedding;                      // [V, D]
    readonly Matrix output;                         // [V, D]

    readonly Team team;
    readonly Rotation rotation;
    readonly Contexts contexts = new();
    readonly LayerMemory passing;                   // shared by the layers that nothing goes back to
    readonly LayerMemory[] own;                     // of the layers that are kept
    readonly LayerMemory[] layers;                  // one of the two, for this pass
    readonly PromptMemory[] prompts;
    readonly PassMemory pass;
    readonly BlockMemory[] blocks;                  // of each thread
    readonly Attention<TElement, L>[] attentions;   // of each thread
    readonly double[] losses;                       // of each thread
    readonly Filling<int> supervisedPositions = new();
    readonly Filling<int> supervisedAt = new();     // which supervised row each row is, or -1
    readonly Action<Team.Member> forward;
    readonly Action<Team.Member> backward;
    MicroBatch batch = null!;

    /// <param name="weights">the frozen base, of <typeparamref name="TElement"/>, on the CPU; it outlives this</param>
    /// <param name="method">whose prompts are trained</param>
    /// <param name="lowestTrainedLayer">below it nothing needs a gradient</param>
    /// <param name="threads">of this worker</param>
    public FrozenStep(LlamaWeights weights, IPromptGradient method, int lowestTrainedLayer, int threads)
    {
        config = weights.Config;
        this.method = method;
        (lowest, last) = (lowestTrainedLayer, config.Layers - 1);
        epsilon = (float)config.NormEpsilon;
        this.weights = [.. Enumerable.Range(0, config.Layers).Select(layer => new LayerWeights(weights, layer))];
        norm = LayerWeights.Start(weights[weights.List.Norm]);
        vocabulary = new Vocabulary(weights);
        embedding = Matrix.Over(weights[WeightList.Embedding]);
        output = Matrix.Over(weights[weights.List.Output]);

        team = new Team(threads);
        rotation = new Rotation(config);
        passing = new LayerMemory(config, TElement.Type);
        own = [.. Enumerable.Range(0, config.Layers).Select(_ => new LayerMemory(config, TElement.Type))];
        layers = new LayerMemory[config.Layers];
        prompts = [.. Enumerable.Range(0, config.Layers).Select(_ => new PromptMemory(config, TElement.Type))];
        pass = new PassMemory(config, TElement.Type);
        blocks = [.. Enumerable.Range(0, threads).Select(_ => new BlockMemory(config, TElement.Type))];
        attentions = [.. Enumerable.Range(0, threads).Select(_ => new Attention<TElement, L>(config, contexts, rotation))];
        losses = new double[threads];
        forward = me => Forward(me, goesBack: false);
        backward = me =>
        {
            Forward(me, goesBack: true);
            Backward(me);
        };
    }

    /// <inheritdoc/>
    public long ActivationBytes
    {
        get
        {
            var bytes = passing.Bytes + pass.Bytes + rotation.Bytes;
            foreach (var memory in (IEnumerable<Matrices>)[.. own, .. prompts, .. blocks])
                bytes += memory.Bytes;
            foreach (var attention in attentions)
                bytes += attention.Bytes;
            return bytes;
        }
    }

    /// <inheritdoc/>
    public void Release()
    {
        foreach (var part in (IEnumerable<IDisposable>)[rotation, passing, .. own, .. prompts, pass, .. blocks, .. attentions])
            part.Dispose();
    }

    /// <inheritdoc/>
    public double Backward(MicroBatch batch, ReadOnlySpan<float> vector, Span<float> gradient)
    {
        Lay(batch, vector, goesBack: true);
        team.Run(backward);
        gradient.Clear();
        for (var layer = lowest; layer <= last; layer++)
        {
            var prompt = prompts[layer];
            if (prompt.Heads.Slots > 0)
                method.AddGradient(layer, vector, Numbers(prompt.SlotGradients), Numbers(prompt.Heads.GateGradients), gradient);
        }
        return Total();
    }

    /// <inheritdoc/>
    public double Loss(MicroBatch batch, ReadOnlySpan<float> vector)
    {
        Lay(batch, vector, goesBack: false);
        team.Run(forward);
        return Total();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        team.Dispose();
        Release();
        foreach (var part in (IEnumerable<IDisposable>)[.. weights, vocabulary])
            part.Dispose();
    }

    // Everything that may need more memory than before, or that one thread alone can do.
    void Lay(MicroBatch batch, ReadOnlySpan<float> vector, bool goesBack)
    {
        this.batch = batch;
        contexts.Read(batch);
        var rows = batch.Rows;
        var supervised = batch.Supervised;
        var positions = batch.Positions.Span;
        var end = 0;
        foreach (var position in positions)
            end = Math.Max(end, position + 1);
        rotation.Reserve(end);
        supervisedPositions.Clear();
        supervisedAt.Clear();
        foreach (var row in batch.SupervisedRows.Span)
            supervisedPositions.Add(positions[row]);
        for (var row = 0; row < rows; row++)
            supervisedAt.Add(-1);
        for (var i = 0; i < supervised; i++)
            supervisedAt[batch.SupervisedRows.Span[i]] = i;

        var keeps = goesBack ? lowest : last;
        passing.Lay(rows, keeps > 0 ? rows : supervised);
        for (var layer = 0; layer < last; layer++)
        {
            layers[layer] = layer < keeps ? passing : own[layer];
            if (layer >= keeps)
                own[layer].Lay(rows, rows, layer == keeps ? passing : null);
        }
        layers[last] = own[last];
        own[last].Take(passing, supervised);
        pass.Lay(rows, supervised, goesBack);
        var slotsMax = 0;
        for (var layer = 0; layer <= last; layer++)
        {
            var slots = layer < lowest ? 0 : method.Slots(layer);
            prompts[layer].Lay(slots);
            slotsMax = Math.Max(slotsMax, slots);
            if (slots > 0)
                method.Read(layer, vector, Numbers(prompts[layer].Slots), Numbers(prompts[layer].Heads.Gates));
        }
        for (var member = 0; member < team.Count; member++)
        {
            blocks[member].Lay(Math.Min(BlockMemory.RowsMax, rows));
            attentions[member].Reserve(slotsMax);
            losses[member] = 0;
        }
    }

    double Total()
    {
        var total = 0.0;
        foreach (var loss in losses)
            total += loss;
        return total;
    }

    static Span<float> Numbers(Matrix wide) => new(wide.Floats, wide.Rows * wide.Columns);
}
