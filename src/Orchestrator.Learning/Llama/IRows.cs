using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>The rows that a forward pass goes over, and what each of them may attend to. A row is one token at one position.</summary>
public interface IRows
{
    /// <summary>Token numbers, [rows], on the model's device.</summary>
    Tensor Tokens { get; }

    /// <summary>Positions, [rows], on the model's device.</summary>
    Tensor Positions { get; }

    /// <summary>One more than the highest position.</summary>
    int PositionsEnd { get; }

    /// <summary>Rows whose logits are wanted, [wanted]; null wants all. What only other rows need is not computed.</summary>
    Tensor? Wanted { get; }

    /// <summary>A layer's causal attention.</summary>
    /// <param name="layer">the layer, from 0</param>
    /// <param name="q">rotated queries, [H, rows, d]; of the wanted rows only, [H, wanted, d], where <paramref name="wantedOnly"/></param>
    /// <param name="k">rotated keys, [Hkv, rows, d]</param>
    /// <param name="v">values, [Hkv, rows, d]</param>
    /// <param name="wantedOnly">whether the queries are those of the wanted rows</param>
    /// <returns>the shape of <paramref name="q"/></returns>
    Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, bool wantedOnly);
}
