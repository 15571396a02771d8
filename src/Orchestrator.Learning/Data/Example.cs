namespace Orchestrator.Learning.Data;

/// <summary>A record as the model sees it.</summary>
/// <param name="Tokens">token numbers, BOS first, cut to the longest length allowed</param>
/// <param name="Labels">of each token itself: its number where it is supervised, else <see cref="Unsupervised"/></param>
public sealed record Example(int[] Tokens, int[] Labels)
{
    /// <summary>The label of a token that the model is not taught to predict.</summary>
    public const int Unsupervised = -100;

    /// <summary>Supervised labels. The first token's never counts: nothing stands before it that could predict it.</summary>
    public int Supervised => Labels.Length == 0 ? 0 : Labels.Length - 1 - Labels.AsSpan(1).Count(Unsupervised);

    /// <summary>
    /// The original's rule: BOS + encode(prompt + answer) + EOS, cut; unsupervised are as many tokens as BOS + encode(prompt) has, and the
    /// unknown token 0, its ignore index. An answer that was cut off as a whole leaves nothing to learn.
    /// </summary>
    public static Example Of(AlpacaRecord record, Tokenizer tokenizer, PromptTemplate template, int maxSequenceLength)
    {
        var prompt = template.Prompt(record.Instruction, record.Input);
        var promptLength = tokenizer.Encode(prompt, bos: true).Length;
        var tokens = tokenizer.Encode(prompt + record.Output, bos: true, eos: true);
        if (tokens.Length > maxSequenceLength)
            tokens = tokens[..maxSequenceLength];
        var labels = new int[tokens.Length];
        for (var t = 0; t < tokens.Length; t++)
            labels[t] = t < promptLength || tokens[t] == 0 ? Unsupervised : tokens[t];
        return new Example(tokens, labels);
    }

    internal static Example Of(TokenRecord record, int maxSequenceLength) => record.Tokens.Length <= maxSequenceLength
        ? new Example(record.Tokens, record.Labels)
        : new Example(record.Tokens[..maxSequenceLength], record.Labels[..maxSequenceLength]);
}

/// <summary>Examples by number, wherever they are.</summary>
internal interface IExamples
{
    ReadOnlySpan<int> Tokens(int record);

    ReadOnlySpan<int> Labels(int record);
}
