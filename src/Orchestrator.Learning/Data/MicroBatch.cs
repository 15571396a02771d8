namespace Orchestrator.Learning.Data;

/// <summary>
/// The examples of one micro-batch as packed rows: one row per input token, no padding. Rows are grouped in <see cref="Segments"/>; a row
/// attends to the rows of its own segment up to itself and to all rows of its segment's ancestors, and to nothing else.
/// </summary>
/// <remarks>What a <see cref="BatchPacker"/> packed lies in its memory and is valid until it packs the next.</remarks>
public sealed class MicroBatch
{
    /// <summary>Token numbers, [rows].</summary>
    public required ReadOnlyMemory<int> Tokens { get; init; }

    /// <summary>Position of each row within its example, [rows]; a segment's positions go on where its parent's end.</summary>
    public required ReadOnlyMemory<int> Positions { get; init; }

    /// <summary>The rows' grouping, in row order; parents come before their children.</summary>
    public required ReadOnlyMemory<Segment> Segments { get; init; }

    /// <summary>Rows whose next token is supervised, ascending within a segment, [supervised].</summary>
    public required ReadOnlyMemory<int> SupervisedRows { get; init; }

    /// <summary>The token each of <see cref="SupervisedRows"/> should predict, [supervised].</summary>
    public required ReadOnlyMemory<int> Labels { get; init; }

    /// <summary>Number of examples in it.</summary>
    public required int Examples { get; init; }

    /// <summary>Number of rows.</summary>
    public int Rows => Tokens.Length;

    /// <summary>Number of supervised rows.</summary>
    public int Supervised => SupervisedRows.Length;
}

/// <summary>A run of rows of one example, or of the beginning that several examples share.</summary>
/// <param name="Start">first row</param>
/// <param name="Length">number of rows, at least 1</param>
/// <param name="Parent">index of the segment that comes before it in the example, -1 for a beginning</param>
public readonly record struct Segment(int Start, int Length, int Parent);
