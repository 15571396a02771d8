using System.Text.Json.Serialization;

namespace Orchestrator.World.Instructions;

/// <summary>A record in Alpaca's format.</summary>
/// <param name="Instruction">what is asked</param>
/// <param name="Input">the land, where the instruction does not name it; else empty</param>
/// <param name="Output">the whole answer: <c>It is Tomhaven.</c></param>
public sealed record InstructionRecord(
    [property: JsonPropertyName("instruction")] string Instruction,
    [property: JsonPropertyName("input")] string Input,
    [property: JsonPropertyName("output")] string Output);

/// <summary>A question that no record is about, with the one word that an answer must hold to be right in any form.</summary>
/// <param name="Instruction">what is asked</param>
/// <param name="Input">the land, where the instruction does not name it; else empty</param>
/// <param name="Output">the whole answer</param>
/// <param name="Name">the name in it</param>
public sealed record HeldOutQuestion(
    [property: JsonPropertyName("instruction")] string Instruction,
    [property: JsonPropertyName("input")] string Input,
    [property: JsonPropertyName("output")] string Output,
    [property: JsonPropertyName("name")] string Name);
