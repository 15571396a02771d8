namespace Orchestrator.World.Text;

/// <summary>Spelling.</summary>
static class Sentence
{
    /// <summary><paramref name="words"/> with a capital letter in front.</summary>
    public static string Of(string words) => char.ToUpperInvariant(words[0]) + words[1..];
}
