using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Protocol;

namespace Orchestrator.Cli.Demo;

/// <summary>What the demonstration works on, beside the executable; <c>Bundle/README.md</c> says what it is and how it was made.</summary>
public static class DemoBundle
{
    /// <summary>The folder that holds all of it.</summary>
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "Demo", "Bundle");

    /// <summary>The tiny LLaMA: a Hugging Face folder with a <c>tokenizer.model</c>.</summary>
    public static string Base { get; } = Path.Combine(Folder, "base");

    /// <summary>560 instruction records in Alpaca's format.</summary>
    public static string Records { get; } = Path.Combine(Folder, "records.json");

    /// <summary>200 questions whose lands and answers no record holds.</summary>
    public static string Questions { get; } = Path.Combine(Folder, "questions.json");

    /// <summary>Reads <see cref="Questions"/>.</summary>
    /// <exception cref="ProblemException">the file is missing or damaged</exception>
    public static IReadOnlyList<DemoQuestion> ReadQuestions()
    {
        try
        {
            using var file = File.OpenRead(Questions);
            return JsonSerializer.Deserialize<DemoQuestion[]>(file) ?? [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ProblemException(Questions, e.Message, "the demonstration's questions", "install the program again");
        }
    }
}

/// <summary>A held-out question.</summary>
/// <param name="Instruction">what is asked</param>
/// <param name="Input">the land, where the instruction does not name it; else empty</param>
/// <param name="Output">the whole answer that is wanted: <c>It is Tomhaven.</c></param>
/// <param name="Name">the one word that an answer of any form must hold to be right</param>
public sealed record DemoQuestion(
    [property: JsonPropertyName("instruction")] string Instruction,
    [property: JsonPropertyName("input")] string Input,
    [property: JsonPropertyName("output")] string Output,
    [property: JsonPropertyName("name")] string Name);
