using Orchestrator.Learning.Llama;
using static TorchSharp.torch;

namespace Orchestrator.World.Checks;

/// <summary>Texts of equal length, one behind another, whose last rows' logits are wanted.</summary>
/// <remarks>Its tensors belong to the dispose scope that is open when it is made.</remarks>
sealed class EqualRows : IRows
{
    readonly long texts;

    public EqualRows(IReadOnlyList<IReadOnlyList<int>> texts)
    {
        this.texts = texts.Count;
        PositionsEnd = texts[0].Count;
        Tokens = tensor(texts.SelectMany(text => text).ToArray());
        Positions = arange(PositionsEnd).repeat(this.texts);
        Wanted = arange(PositionsEnd - 1, Tokens.shape[0], PositionsEnd);
    }

    public Tensor Tokens { get; }

    public Tensor Positions { get; }

    public int PositionsEnd { get; }

    public Tensor? Wanted { get; }

    public Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, bool wantedOnly)
    {
        using var scope = NewDisposeScope();
        return nn.functional.scaled_dot_product_attention(ByText(q), ByText(k), ByText(v), is_casual: !wantedOnly)
            .transpose(1, 2).reshape(q.shape).MoveToOuterDisposeScope();

        Tensor ByText(Tensor x) => x.view(texts, -1, x.shape[1], x.shape[2]).transpose(1, 2);       // [texts, H, t, d]
    }
}
