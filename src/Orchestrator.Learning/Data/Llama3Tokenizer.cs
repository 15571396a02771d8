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

    public override void Append(string text, List<int> tokens) => tokens.AddRange(bytePairs.EncodeToIds(text));

    public override string Piece(int token) =>
        !IsControl(token) ? Encoding.UTF8.GetString(tokens[token])
        : Named.TryGetValue(token - tokens.Length, out var name) ? name : $"<|reserved_{token - tokens.Length}|>";

    public override bool IsControl(int token) => Checked(token) >= tokens.Length;

    internal override ReadOnlySpan<byte> Utf8(int token) => IsControl(token) ? [] : tokens[token];
}
