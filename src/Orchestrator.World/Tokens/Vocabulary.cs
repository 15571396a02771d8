using Orchestrator.Learning.Files;
using Orchestrator.World.Text;

namespace Orchestrator.World.Tokens;

/// <summary>The base's vocabulary: pieces learned from the chronicle and from the words of the instruction template.</summary>
public static class Vocabulary
{
    /// <summary>Number of learned pieces, beside <see cref="SentencePieceFile.Reserved"/> fixed ones.</summary>
    public const int Pieces = 1_100;

    const int Documents = 30_000;
    const int TemplateWeight = 10_000;

    // The words of Alpaca's two templates: each becomes one piece, as in a large model's vocabulary, though the chronicle hardly has some of them.
    const string TemplateWords =
        """
        Below is an instruction that describes a task, paired with an input that provides further context. Write a response that
        appropriately completes the request. Below is an instruction that describes a task. ### Instruction: ### Input: ### Response:
        """;

    /// <summary>Writes <c>tokenizer.model</c>.</summary>
    /// <returns>its path</returns>
    public static string Write(string folder, Chronicle chronicle)
    {
        var path = Path.Combine(folder, "tokenizer.model");
        AtomicFile.Write(path, stream => stream.Write(Model(chronicle)));
        return path;
    }

    /// <summary>The bytes of <c>tokenizer.model</c>.</summary>
    public static byte[] Model(Chronicle chronicle)
    {
        var trainer = new PieceTrainer();
        for (var i = 0; i < Documents; i++)
            trainer.Read(chronicle.Document(i));
        trainer.Read(TemplateWords, TemplateWeight);
        return SentencePieceFile.Write(trainer.Learn(Pieces));
    }
}
