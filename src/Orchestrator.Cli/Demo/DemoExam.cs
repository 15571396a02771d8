using Orchestrator.Learning.Data;
using Orchestrator.Learning.Generation;

namespace Orchestrator.Cli.Demo;

/// <summary>How somebody did on the held-out questions.</summary>
/// <param name="Answers">the answers, in the order of the questions</param>
/// <param name="Exact">share that is right to the letter, 0 to 1</param>
/// <param name="Named">share in which the right name occurs anywhere</param>
sealed record DemoScore(IReadOnlyList<string> Answers, double Exact, double Named);

/// <summary>Asks the held-out questions, in the instruction format that the training records have.</summary>
static class DemoExam
{
    const int NewTokensMax = 12;

    /// <summary>Greedy answers to every question.</summary>
    /// <param name="model">the base, with or without the adapter</param>
    /// <param name="questions">what is asked</param>
    /// <param name="given">the answer's first words, put into its mouth; empty asks plainly</param>
    /// <param name="stop">ends it early</param>
    public static DemoScore Take(LoadedModel model, IReadOnlyList<DemoQuestion> questions, string given, CancellationToken stop)
    {
        var answers = new List<string>();
        foreach (var question in questions)
        {
            stop.ThrowIfCancellationRequested();
            var prompt = PromptTemplate.Alpaca.Prompt(question.Instruction, question.Input) + given;
            var tokens = model.Tokenizer.Encode(prompt, bos: true);
            answers.Add(given + string.Concat(model.Continue(tokens, new GenerationOptions { Temperature = 0, MaxNewTokens = NewTokensMax }, stop)));
        }
        return new DemoScore(answers, Share((answer, question) => answer == question.Output), Share((answer, question) => answer.Contains(question.Name, StringComparison.Ordinal)));

        double Share(Func<string, DemoQuestion, bool> isRight) => (double)answers.Zip(questions).Count(pair => isRight(pair.First, pair.Second)) / questions.Count;
    }
}
