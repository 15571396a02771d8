using Orchestrator.Learning.Data;

namespace Orchestrator.Learning.Llama;

/// <summary>The rows of a micro-batch. Logits are wanted where a label is.</summary>
/// <param name="batch">the packed examples, at least one supervised token among them</param>
public sealed class PackedRows(MicroBatch batch) : Rows(batch.Tokens.Span, batch.Positions.Span, batch.Segments.Span, batch.SupervisedRows.Span);
