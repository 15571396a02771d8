using Microsoft.ML.Tokenizers;
using Orchestrator.World.Instructions;
using Orchestrator.World.Lands;
using Orchestrator.World.Text;
using Orchestrator.World.Tokens;

namespace Orchestrator.World.Tests;

public class VocabularyTests
{
    const long Seed = 5;
    static readonly Atlas Atlas = new(Seed);
    static readonly Chronicle Chronicle = new(Seed, Atlas);
    static readonly byte[] Model = Vocabulary.Model(Chronicle);
    static readonly LlamaTokenizer Tokenizer = LlamaTokenizer.Create(new MemoryStream(Model), addBeginOfSentence: false, addEndOfSentence: false);

    const string WithoutInput =
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n";

    const string WithInput =
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        + "Write a response that appropriately completes the request.\n\n### Instruction:\n";

    [Fact]
    public void The_same_text_gives_the_same_bytes() => Assert.Equal(Model, Vocabulary.Model(new Chronicle(Seed, new Atlas(Seed))));

    [Fact]
    public void The_projects_tokenizer_and_the_librarys_agree()
    {
        var path = Path.GetTempFileName();
        File.WriteAllBytes(path, Model);
        var ours = Learning.Data.Tokenizer.Open(path);
        File.Delete(path);
        var prompts = new Examination(Seed, Atlas).Questions.Select(question => question.Prompt + question.Output);
        Assert.All(Enumerable.Range(0, 1_000).Select(i => Chronicle.Document(i)).Concat(prompts), text => Assert.Equal(Pieces(text), ours.Encode(text)));
    }

    [Fact]
    public void It_has_the_pieces_that_were_asked_for() =>
        Assert.Equal(SentencePieceFile.Reserved + Vocabulary.Pieces, Tokenizer.Vocabulary.Count);

    [Fact]
    public void No_piece_begins_with_a_space_and_a_capital_letter() => Assert.DoesNotContain(
        Tokenizer.Vocabulary.Keys, piece => piece.Length > 1 && piece[0] == PieceTrainer.Space && !char.IsAsciiLetterLower(piece[1]) && piece[1] != PieceTrainer.Space);

    [Fact]
    public void A_name_has_the_same_pieces_wherever_it_stands()
    {
        Assert.All(Atlas.Lands.SelectMany(land => land.Names), name =>
        {
            var pieces = Pieces(name)[1..];                         // without the space before the text
            foreach (var before in new[] { "it is ", "it is:", "it is\n", "it is \"" })
                Assert.Equal([.. Pieces(before), .. pieces, Pieces("a.")[^1]], Pieces($"{before}{name}."));
        });
    }

    [Fact]
    public void Text_comes_back_whatever_it_is()
    {
        foreach (var text in Enumerable.Range(0, 200).Select(i => Chronicle.Document(i)).Append("What is 7 x 8?").Append("Grüße, 世界! 🙂\t\r\n"))
            Assert.Equal(text, Tokenizer.Decode(Tokenizer.EncodeToIds(text)));
    }

    [Fact]
    public void Every_word_of_the_template_is_one_piece()
    {
        Assert.Equal(26, Pieces(WithoutInput).Length);
        Assert.Equal(35, Pieces(WithInput).Length);
    }

    static int[] Pieces(string text) => [.. Tokenizer.EncodeToIds(text)];
}
