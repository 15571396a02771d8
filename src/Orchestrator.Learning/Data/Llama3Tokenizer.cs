using System.Text;
using Microsoft.ML.Tokenizers;

namespace Orchestrator.Learning.Data;

/// <summary>
/// Llama 3: byte-level BPE over words (Microsoft.ML.Tokenizers' tiktoken), and 256 control tokens after the ranks, in the order of Meta's
/// release. The control tokens are never found in text.
/// </summary>
internal sealed class Llama3Tokenizer : Tokenizer
{
    const int ControlTokens = 256;

    /// <summary>Characters without (or of nothing but) white space after which Meta's tokenizer cuts: merging takes time squared.</summary>
    const int RunCharsMax = 25_000;

    /// <summary>The control tokens with a name, by their place after the last rank (Llama 3.1; 3.0 names fewer, at the same places).</summary>
    static readonly Dictionary<int, string> Named = new()
    {
        [0] = "<|begin_of_text|>",
        [1] = "<|end_of_text|>",
        [4] = "<|finetune_right_pad_id|>",
        [6] = "<|start_header_id|>",
        [7] = "<|end_header_id|>",
        [8] = "<|eom_id|>",
        [9] = "<|eot_id|>",
        [10] = "<|python_tag|>",
    };

    readonly byte[][] tokens;
    readonly TiktokenTokenizer bytePairs;

    public Llama3Tokenizer(byte[][] tokens, string digest)
        : base(digest)
    {
        this.tokens = tokens;
        using var ranks = new MemoryStream();
        for (var rank = 0; rank < tokens.Length; rank++)
            ranks.Write(Encoding.ASCII.GetBytes($"{Convert.ToBase64String(tokens[rank])} {rank}\n"));
        ranks.Position = 0;
        bytePairs = TiktokenTokenizer.Create(ranks, new Llama3Words(), normalizer: null);
    }

    public override int Vocabulary => tokens.Length + ControlTokens;

    public override int Bos => tokens.Length;

    public override int Eos => tokens.Length + 1;

    public override void Append(string text, List<int> tokens)
    {
        var (start, run, wasSpace) = (0, 0, false);
        for (var at = 0; at < text.Length && text.Length > RunCharsMax;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out var length);
            var isSpace = Rune.IsWhiteSpace(rune);
            run = isSpace == wasSpace ? run + 1 : 1;
            wasSpace = isSpace;
            if (run > RunCharsMax)
            {
                tokens.AddRange(bytePairs.EncodeToIds(text.AsSpan(start, at - start)));
                (start, run) = (at, 1);
            }
            at += length;
        }
        tokens.AddRange(bytePairs.EncodeToIds(text.AsSpan(start)));
    }

    public override string Piece(int token) =>
        !IsControl(token) ? Encoding.UTF8.GetString(tokens[token])
        : Named.TryGetValue(token - tokens.Length, out var name) ? name : $"<|reserved_{token - tokens.Length}|>";

    public override bool IsControl(int token) => Checked(token) >= tokens.Length;

    internal override ReadOnlySpan<byte> Utf8(int token) => IsControl(token) ? [] : tokens[token];
}
