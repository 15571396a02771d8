using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>The output projection cut into pieces of some columns of the logits each.</summary>
sealed class Vocabulary : IDisposable
{
    /// <summary>Columns of a piece: its logits, for a block of rows, and its weights stay in a core's cache.</summary>
    public const int PieceMax = 1024;

    /// <summary>Numbers that a loss keeps of each row from piece to piece.</summary>
    public const int StateColumns = 3;

    readonly Tensor[] pieces;           // [piece, D]
    readonly Tensor[] across;           // [D, piece]

    /// <param name="weights">the frozen base</param>
    public Vocabulary(LlamaWeights weights)
    {
        var output = weights[weights.List.Output];
        var end = weights.Config.Vocabulary;
        Columns = [.. Enumerable.Range(0, new Stretch(0, end).Parts(PieceMax)).Select(piece => new Stretch(piece * PieceMax, Math.Min((piece + 1) * PieceMax, end)))];
        pieces = [.. Columns.Select(columns => output.narrow(0, columns.From, columns.Count).DetachFromDisposeScope())];
        across = [.. pieces.Select(piece => piece.t().DetachFromDisposeScope())];
    }

    /// <summary>The columns of each piece.</summary>
    public IReadOnlyList<Stretch> Columns { get; }

    /// <summary>A piece's weights, [piece, D].</summary>
    public Tensor Weights(int piece) => pieces[piece];

    /// <summary>A piece's weights, [D, piece].</summary>
    public Tensor WeightsAcross(int piece) => across[piece];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var view in (IEnumerable<Tensor>)[.. across, .. pieces])
            view.Dispose();
    }
}
