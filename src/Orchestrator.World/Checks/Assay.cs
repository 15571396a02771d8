using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;
using Orchestrator.World.Instructions;
using Orchestrator.World.Lands;
using Orchestrator.World.Text;
using static TorchSharp.torch;

namespace Orchestrator.World.Checks;

/// <summary>
/// Whether a base is fit for the demonstration. Before adapting: does it know the facts, and does it find them when an answer's first words stand
/// after the prompt. After adapting: does it find them by itself.
/// </summary>
public sealed class Assay : IDisposable
{
    /// <summary>The beginning of every answer.</summary>
    public const string AnswerBegins = "It is";

    const int ShownErrors = 5;

    readonly LlamaWeights weights;
    readonly Tokenizer tokenizer;
    readonly Atlas atlas;
    readonly Examination examination;

    /// <param name="folder">the base's folder</param>
    /// <param name="atlas">the world</param>
    /// <param name="examination">its questions</param>
    public Assay(string folder, Atlas atlas, Examination examination)
    {
        DeterministicTorch.EnterWorkerThread(threads: 1);
        using var model = ModelFolder.Open(folder);
        weights = LlamaWeights.Load(model.Config, (name, type) => model.Read(name, type), ScalarType.Float32, CPU);
        tokenizer = Tokenizer.Open(Path.Combine(folder, "tokenizer.model"));
        (this.atlas, this.examination) = (atlas, examination);
    }

    /// <summary>Measures the bare base.</summary>
    public void Base(TextWriter output)
    {
        using var model = new LlamaModel(weights);
        var answers = new Answers(model, BoundAdapter.None, tokenizer);
        var facts = (from land in atlas.Lands from relation in Relation.All select (Land: land, Relation: relation)).ToArray();
        double Known(Func<Relation, string> beginning) => Percent(facts.Select(fact =>
            answers.To(Sentence.Of(fact.Relation.Fill(beginning(fact.Relation), fact.Land))).Split('.')[0].Contains(fact.Relation.Of(fact.Land))));

        output.WriteLine($"a statement of its own, continued: {Known(relation => $"{relation.Nouns[0]} is"):f1} %");
        output.WriteLine($"the same across a gap: {Known(relation => $"A trader asked about {relation.Nouns[1]}. The task was done before noon. {AnswerBegins}"):f1} %");
        Held(output, "held-out, alone", answers, examination.Questions, "");
        Held(output, "held-out, first words given", answers, examination.Questions, AnswerBegins);
        Held(output, "rephrased, first words given", answers, examination.Rephrased, AnswerBegins);
    }

    /// <summary>Trains an adapter and measures it.</summary>
    /// <param name="recordsPath"><c>records.json</c></param>
    /// <param name="seed">the job's seed</param>
    /// <param name="output">takes the figures</param>
    public void Adapted(string recordsPath, long seed, TextWriter output)
    {
        var cache = Directory.CreateTempSubdirectory();
        using var records = Dataset.Open(new DataSource { Path = recordsPath, Tokenizer = tokenizer }, cache.FullName);
        output.Write($"seed {seed}, loss of each epoch");
        using var replica = Adaptation.Run(weights, records, seed, loss => output.Write($" {loss:f3}"));
        output.WriteLine();
        var answers = new Answers(replica.Model, replica.Adapter, tokenizer);
        Held(output, "held-out", answers, examination.Questions, "");
        Held(output, "rephrased", answers, examination.Rephrased, "");
        var learned = examination.Records.Take(200);
        var right = Percent(learned.Select(record => answers.To(PromptTemplate.Alpaca.Prompt(record.Instruction, record.Input)) == record.Output));
        output.WriteLine($"200 of the records: exact {right:f1} %");
        cache.Delete(recursive: true);
    }

    /// <inheritdoc/>
    public void Dispose() => weights.Dispose();

    static void Held(TextWriter output, string what, Answers answers, IReadOnlyList<HeldOutQuestion> questions, string given)
    {
        var told = questions.Select(question => (Question: question, Answer: given + answers.To(question.Prompt + given))).ToArray();
        var exact = Percent(told.Select(pair => pair.Answer == pair.Question.Output));
        var anywhere = Percent(told.Select(pair => pair.Answer.Contains(pair.Question.Name, StringComparison.Ordinal)));
        output.WriteLine($"{what}: exact {exact:f1} %, right name anywhere {anywhere:f1} %");
        foreach (var (question, answer) in told.Where(pair => pair.Answer != pair.Question.Output).Take(ShownErrors))
            output.WriteLine($"    {question.Instruction} {question.Input} wanted \"{question.Output}\", told \"{answer.ReplaceLineEndings("\\n")}\"");
    }

    static double Percent(IEnumerable<bool> outcomes) => 100 * outcomes.Average(right => right ? 1.0 : 0);
}
