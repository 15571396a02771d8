using System.Text;

namespace Orchestrator.Learning.Data;

/// <summary>
/// Text as tokens come: whole characters only, so that what was shown never has to be taken back. The pieces joined equal the text that
/// <see cref="Tokenizer.Decode(ReadOnlySpan{int})"/> gives at once.
/// </summary>
/// <param name="tokenizer">whose tokens come</param>
/// <param name="continues">whether they go on after a prompt; otherwise they begin a text, and SentencePiece's dummy prefix is taken off</param>
public sealed class TokenStream(Tokenizer tokenizer, bool continues = true)
{
    readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    readonly StringBuilder text = new();
    bool begins = !continues;

    /// <summary>Takes one token.</summary>
    /// <returns>the text that is certain now; empty for control tokens and within a character</returns>
    /// <exception cref="ArgumentOutOfRangeException">no token of the vocabulary</exception>
    public string Add(int token)
    {
        var bytes = tokenizer.Utf8(token);
        if (bytes.IsEmpty)
            return "";
        if (begins)
            bytes = bytes[tokenizer.DummyPrefixBytes(token)..];
        begins = false;
        return Take(bytes, flush: false);
    }

    /// <summary>Ends the text: an unfinished character becomes U+FFFD. The stream can be used anew, as a continuation.</summary>
    public string Finish() => Take([], flush: true);

    string Take(ReadOnlySpan<byte> bytes, bool flush)
    {
        Span<char> chars = stackalloc char[64];
        text.Clear();
        bool all;
        do
        {
            decoder.Convert(bytes, chars, flush, out var used, out var written, out all);
            text.Append(chars[..written]);
            bytes = bytes[used..];
        }
        while (!all);
        return text.ToString();
    }
}
