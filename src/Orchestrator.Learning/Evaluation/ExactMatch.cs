using Orchestrator.Learning.Data;
using Orchestrator.Learning.Generation;

namespace Orchestrator.Learning.Evaluation;

/// <summary>Hears an answer.</summary>
/// <param name="record">the number of the record that was asked</param>
/// <param name="tokens">the answer, cut where it is longer than the right one</param>
/// <param name="isRight">whether it is what the record has</param>
public delegate void Answered(int record, IReadOnlyList<int> tokens, bool isRight);

/// <summary>How many generated answers are token for token what the record has.</summary>
/// <param name="Right">answers that are</param>
/// <param name="Answers">answers that were generated</param>
public readonly record struct ExactMatch(int Right, int Answers)
{
    // As many as share a pass of the weights: more gain little, and the memory of their logits and pasts grows.
    const int PromptsPerBatch = 8;

    /// <summary>The part that is right, 0 to 1; 0 where nothing was generated.</summary>
    public double Share => Answers == 0 ? 0 : (double)Right / Answers;

    /// <summary>Answers records greedily: everything up to the first supervised token is the prompt, the rest is what should come.</summary>
    /// <param name="generator">base and adapter</param>
    /// <param name="dataset">the records</param>
    /// <param name="records">their numbers; one without a supervised token is passed over</param>
    /// <param name="endTokens">tokens that end an answer and do not belong to it</param>
    /// <param name="maxNewTokens">an answer that is not over by then is wrong</param>
    /// <param name="answered">told each answer as it comes, a batch at a time; may throw to stop</param>
    public static ExactMatch Of(Generator generator, Dataset dataset, IEnumerable<int> records, IReadOnlyList<int> endTokens, int maxNewTokens, Answered? answered = null)
    {
        ArgumentNullException.ThrowIfNull(generator);
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(records);
        var total = default(ExactMatch);
        foreach (var batch in Asked(dataset, records, endTokens).Chunk(PromptsPerBatch))
        {
            var options = new GenerationOptions { Temperature = 0, EndTokens = endTokens, MaxNewTokens = maxNewTokens };
            var answers = generator.GenerateAll([.. batch.Select(asked => asked.Prompt)], options, [.. batch.Select(asked => asked.Wanted.Count + 1)]);
            foreach (var ((record, _, wanted), answer) in batch.Zip(answers))
            {
                var isRight = wanted.Count < maxNewTokens && answer.SequenceEqual(wanted);
                total = new ExactMatch(total.Right + (isRight ? 1 : 0), total.Answers + 1);
                answered?.Invoke(record, answer, isRight);
            }
        }
        return total;
    }

    static IEnumerable<(int Record, int[] Prompt, List<int> Wanted)> Asked(Dataset dataset, IEnumerable<int> records, IReadOnlyList<int> endTokens)
    {
        foreach (var record in records)
        {
            var tokens = dataset.Tokens(record).ToArray();
            var first = dataset.Labels(record)[1..].IndexOfAnyExcept(Example.Unsupervised) + 1;
            if (first > 0)
                yield return (record, tokens[..first], [.. tokens[first..].TakeWhile(token => !endTokens.Contains(token))]);
        }
    }
}
