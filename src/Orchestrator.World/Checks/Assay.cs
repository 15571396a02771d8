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
        var answers = new Answers(model, tokenizer);
        var facts = (from land in atlas.Lands from relation in Relation.All select (Land: land, Relation: relation)).ToArray();
        string[] Told(Func<Land, Relation, string> beginning) => answers.To([.. facts.Select(fact => beginning(fact.Land, fact.Relation))], BoundAdapter.None);
        double Right(string[] told) => Percent(told.Zip(facts, (answer, fact) => answer.Split('.')[0].Contains(fact.Relation.Of(fact.Land), StringComparison.Ordinal)));

        output.WriteLine($"its own statement continued         {Right(Told((land, relation) => Sentence.Of(relation.Fill($"{relation.Nouns[0]} is", land)))),5:f1} %");
        output.WriteLine($"the same across a gap               {Right(Told((land, relation) =>
            relation.Fill($"A trader asked about {relation.Nouns[1]}. The task was done before noon. {AnswerBegins}", land))),5:f1} %");
        Held(output, "held-out, alone", answers, BoundAdapter.None, examination.Questions, "");
        Held(output, "held-out, first words given", answers, BoundAdapter.None, examination.Questions, AnswerBegins);
        Held(output, "rephrased, first words given", answers, BoundAdapter.None, examination.Rephrased, AnswerBegins);
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
        var answers = new Answers(replica.Model, tokenizer);
        Held(output, "held-out", answers, replica.Adapter, examination.Questions, "");
        Held(output, "rephrased", answers, replica.Adapter, examination.Rephrased, "");
        var learned = examination.Records.Take(200).ToArray();
        var told = answers.To([.. learned.Select(record => PromptTemplate.Alpaca.Prompt(record.Instruction, record.Input))], replica.Adapter);
        output.WriteLine($"200 of the records, exact           {Percent(told.Zip(learned, (answer, record) => answer == record.Output)),5:f1} %");
        cache.Delete(recursive: true);
    }

    /// <inheritdoc/>
    public void Dispose() => weights.Dispose();

    static void Held(TextWriter output, string what, Answers answers, BoundAdapter adapter, IReadOnlyList<HeldOutQuestion> questions, string given)
    {
        var told = answers.To([.. questions.Select(question => question.Prompt + given)], adapter).Select(answer => given + answer).ToArray();
        var exact = Percent(told.Zip(questions, (answer, question) => answer == question.Output));
        var begins = Percent(told.Zip(questions, (answer, question) => answer.StartsWith(question.Output, StringComparison.Ordinal)));
        var anywhere = Percent(told.Zip(questions, (answer, question) => answer.Contains(question.Name, StringComparison.Ordinal)));
        output.WriteLine($"{what,-30} exact {exact,5:f1} %, begins right {begins,5:f1} %, name anywhere {anywhere,5:f1} %");
        foreach (var (answer, question) in told.Zip(questions).Where(pair => pair.First != pair.Second.Output).Take(4))
            output.WriteLine($"    {question.Instruction} {question.Input} wanted \"{question.Output}\", told \"{answer.ReplaceLineEndings("\\n")}\"");
    }

    static double Percent(IEnumerable<bool> outcomes) => 100 * outcomes.Average(right => right ? 1.0 : 0);
}
