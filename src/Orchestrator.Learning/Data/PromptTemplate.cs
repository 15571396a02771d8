using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>How an instruction and its input become the text that an answer goes on from, byte for byte.</summary>
/// <param name="Name">its name in a spec</param>
/// <param name="Prompt">(instruction, input) -> prompt; an empty input is none</param>
public sealed record PromptTemplate(string Name, Func<string, string, string> Prompt)
{
    /// <summary>Stanford Alpaca's, as LLaMA-Adapter uses it: no line feed after the last colon.</summary>
    public static PromptTemplate Alpaca { get; } = new("alpaca", (instruction, input) => input.Length == 0
        ? "Below is an instruction that describes a task. "
          + "Write a response that appropriately completes the request.\n\n"
          + $"### Instruction:\n{instruction}\n\n### Response:"
        : "Below is an instruction that describes a task, paired with an input that provides further context. "
          + "Write a response that appropriately completes the request.\n\n"
          + $"### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:");

    /// <summary>All that a spec can name.</summary>
    public static IReadOnlyList<PromptTemplate> All { get; } = [Alpaca];

    /// <summary>The template of a name.</summary>
    /// <exception cref="ProblemException">no template has it</exception>
    public static PromptTemplate Named(string name) => All.FirstOrDefault(template => template.Name == name)
        ?? throw new ProblemException("data.template", name, string.Join(" or ", All.Select(template => template.Name)));
}
