using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Collectives;

/// <summary>A part of a slice, which is folded and sent by itself.</summary>
/// <param name="Index">its number in the vector</param>
/// <param name="Owner">the process that finishes the tree for it</param>
/// <param name="Offset">its first element in the vector</param>
/// <param name="Length">its elements</param>
readonly record struct Piece(int Index, int Owner, int Offset, int Length);

/// <summary>
/// The slices of a vector cut into pieces that are small enough to be folded and sent on while the next is on its way, to let a beat pass between two of them
/// on a slow line, and to have one bound for all frames.
/// </summary>
static class Pieces
{
    /// <summary>Floats of a piece at most: 256 KiB. Over loopback 64 KiB to 1 MiB cost the same (measured).</summary>
    public const int LengthMax = 65_536;

    /// <summary>All pieces of a vector in order. There is at least one, and the first carries loss and tokens.</summary>
    public static Piece[] Of(int length, int processes)
    {
        var slices = new Slices(length, processes);
        var pieces = new List<Piece>();
        for (var slice = 0; slice < slices.Count; slice++)
        {
            var (offset, rest) = slices.Of(slice);
            do
            {
                var here = Math.Min(rest, LengthMax);
                pieces.Add(new Piece(pieces.Count, slices.OwnerOf(slice), offset, here));
                offset += here;
                rest -= here;
            } while (rest > 0);
        }
        return [.. pieces];
    }
}
