using System.Security.Cryptography;
using System.Text;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>
/// Text to token numbers and back, from a model's own <c>tokenizer.model</c>: SentencePiece BPE (LLaMA 1 and 2) or the format of tiktoken
/// (Llama 3), told apart by content. Immutable; any number of threads may use one.
/// </summary>
public abstract class Tokenizer
{
    /// <summary>A vocabulary of 32,000 pieces has 500 kB, one of 128,256 has 2.2 MB; what is larger is something else.</summary>
    const long FileBytesMax = 64 << 20;

    /// <param name="digest">SHA-256 of the file</param>
    private protected Tokenizer(string digest) => Digest = digest;

    /// <summary>Opens a <c>tokenizer.model</c>.</summary>
    /// <exception cref="ProblemException">the file is missing, is of another kind or is damaged</exception>
    public static Tokenizer Open(string path)
    {
        var bytes = Read(path);
        var digest = Convert.ToHexStringLower(SHA256.HashData(bytes));
        if (TiktokenRanks.Fits(bytes))
            return new Llama3Tokenizer(TiktokenRanks.Read(path, bytes), digest);
        if (SentencePieceModel.Fits(bytes))
            return new SentencePieceTokenizer(SentencePieceModel.Read(path, bytes), digest);
        throw new ProblemException(path, Beginning(bytes), "a tokenizer.model of SentencePiece or of Llama 3 (tiktoken)",
            "tokenizer.json and other formats are not read; the model's folder usually has a tokenizer.model");
    }

    /// <summary>SHA-256 of the file, 64 lower-case hexadecimal digits.</summary>
    public string Digest { get; }

    /// <summary>Number of tokens, control tokens included; token numbers are 0 to one below.</summary>
    public abstract int Vocabulary { get; }

    /// <summary>The token before every text.</summary>
    public abstract int Bos { get; }

    /// <summary>The token after every text.</summary>
    public abstract int Eos { get; }

    /// <summary>The tokens of a text. What looks like a control token is text like any other; half a surrogate pair counts as U+FFFD.</summary>
    /// <param name="text">any text</param>
    /// <param name="bos">whether <see cref="Bos"/> comes first</param>
    /// <param name="eos">whether <see cref="Eos"/> comes last</param>
    public int[] Encode(string text, bool bos = false, bool eos = false)
    {
        var tokens = new List<int>(text.Length / 2 + 4);
        if (bos)
            tokens.Add(Bos);
        Append(text, tokens);
        if (eos)
            tokens.Add(Eos);
        return [.. tokens];
    }

    /// <summary>Adds the tokens of a text, without <see cref="Bos"/> and <see cref="Eos"/>.</summary>
    public abstract void Append(string text, List<int> tokens);

    /// <summary>
    /// The text of tokens that stand for a whole text: SentencePiece's dummy prefix is taken off. Control tokens say nothing; bytes that are no
    /// UTF-8 become U+FFFD.
    /// </summary>
    public string Decode(ReadOnlySpan<int> tokens) => Decode(tokens, continues: false);

    /// <summary>The text of tokens that go on after others, such as an answer after its prompt: no space is taken off.</summary>
    public string DecodeContinuation(ReadOnlySpan<int> tokens) => Decode(tokens, continues: true);

    string Decode(ReadOnlySpan<int> tokens, bool continues)
    {
        var stream = new TokenStream(this, continues);
        var text = new StringBuilder();
        foreach (var token in tokens)
            text.Append(stream.Add(token));
        return text.Append(stream.Finish()).ToString();
    }

    /// <summary>A token as its vocabulary writes it, for people: <c>▁Hello</c>, <c>&lt;0x0A&gt;</c>, <c>&lt;s&gt;</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">no token of the vocabulary</exception>
    public abstract string Piece(int token);

    /// <summary>Whether a token says nothing itself: <see cref="Bos"/>, <see cref="Eos"/>, reserved ones.</summary>
    /// <exception cref="ArgumentOutOfRangeException">no token of the vocabulary</exception>
    public abstract bool IsControl(int token);

    /// <summary>What a token adds to the text, UTF-8; of one token alone it may be a part of a character.</summary>
    /// <exception cref="ArgumentOutOfRangeException">no token of the vocabulary</exception>
    internal abstract ReadOnlySpan<byte> Utf8(int token);

    /// <summary>How much of <see cref="Utf8"/> is the space that the encoder puts before every text, if this token begins one.</summary>
    internal virtual int DummyPrefixBytes(int token) => 0;

    private protected int Checked(int token) => (uint)token < (uint)Vocabulary
        ? token
        : throw new ArgumentOutOfRangeException(nameof(token), token, $"the vocabulary ends at {Vocabulary - 1}");

    static byte[] Read(string path)
    {
        try
        {
            var bytes = new FileInfo(path).Length;
            if (bytes > FileBytesMax)
                throw new ProblemException(path, $"a file of {bytes:N0} bytes", $"a tokenizer.model of at most {FileBytesMax:N0}");
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ProblemException(path, Directory.Exists(path) ? "a folder" : "no file", "a tokenizer.model");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(path, e.Message, "a file that can be read");
        }
    }

    static string Beginning(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return "an empty file";
        var text = new StringBuilder();
        foreach (var b in bytes[..Math.Min(bytes.Length, 24)])
            text.Append(b is >= 0x20 and < 0x7F ? (char)b : '.');
        return $"a file that begins with \"{text}\"";
    }
}
