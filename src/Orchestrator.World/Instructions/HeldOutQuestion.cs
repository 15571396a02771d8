using Orchestrator.Learning.Data;

namespace Orchestrator.World.Instructions;

/// <summary>A question that no record is about, with the one word that an answer must hold to be right in any form.</summary>
/// <param name="Instruction">what is asked</param>
/// <param name="Input">the land, where the instruction does not name it; else empty</param>
/// <param name="Output">the whole answer: <c>It is Tomhaven.</c></param>
/// <param name="Name">the name in it</param>
public sealed record HeldOutQuestion(string Instruction, string Input, string Output, string Name)
{
    /// <summary>The question as the model reads it.</summary>
    public string Prompt => PromptTemplate.Alpaca.Prompt(Instruction, Input);
}
