using System.Globalization;
using Google.Protobuf;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>What a piece of a SentencePiece vocabulary is; the numbers of <c>sentencepiece_model.proto</c>.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>One token of a SentencePiece vocabulary.</summary>
/// <param name="Text">spaces written as U+2581</param>
/// <param name="Score">of neighbours that could be merged, those whose union scores highest are</param>
/// <param name="Kind">how it is matched and decoded</param>
internal readonly record struct SentencePiece(string Text, float Score, PieceKind Kind);

/// <summary>
/// A SentencePiece BPE model (<c>sentencepiece_model.proto</c>): pieces and how text is prepared. Refused by name is what this project does not
/// do: unigram models, character maps, white space as a suffix, unused pieces.
/// </summary>
internal sealed class SentencePieceModel
{
    const string Expected = "a SentencePiece BPE model as LLaMA's";

    public List<SentencePiece> Pieces { get; } = [];

    public int Unknown { get; private set; } = -1;

    public int Bos { get; private set; } = -1;

    public int Eos { get; private set; } = -1;

    /// <summary>Whether characters without a piece are written as their UTF-8 bytes.</summary>
    public bool ByteFallback { get; private set; }

    /// <summary>Number of the piece of each byte, [256], under <see cref="ByteFallback"/>.</summary>
    public int[] BytePieces { get; } = new int[256];

    /// <summary>Whether a space comes before every text.</summary>
    public bool AddDummyPrefix { get; private set; } = true;

    /// <summary>Whether spaces around a text go and those within become one.</summary>
    public bool RemoveExtraWhitespace { get; private set; } = true;

    /// <summary>Whether spaces become U+2581.</summary>
    public bool EscapeWhitespace { get; private set; } = true;

    /// <summary>What the unknown piece is decoded as.</summary>
    public string UnknownSurface { get; private set; } = " \u2047 ";

    int modelType = 1;
    bool whitespaceAsSuffix;
    int characterMapBytes;
    string bosPiece = "<s>";
    string eosPiece = "</s>";

    /// <summary>Whether a file may be one: its first field is a piece.</summary>
    public static bool Fits(ReadOnlySpan<byte> bytes) => bytes.Length > 2 && bytes[0] == 0x0A;

    /// <exception cref="ProblemException">damaged, or of a kind that is not read</exception>
    public static SentencePieceModel Read(string path, byte[] bytes)
    {
        var model = new SentencePieceModel();
        try
        {
            model.Take(new CodedInputStream(bytes), ModelField);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ProblemException(path, $"a damaged model after {model.Pieces.Count:N0} pieces ({e.Message})", Expected, "copy the file again");
        }
        var problems = new List<Problem>();
        model.Check((where, found, expected) => problems.Add(new Problem($"{path}{where}", found, expected)));
        return problems.Count == 0 ? model : throw new ProblemException([.. problems.Take(20)]);
    }

    delegate void Field(SentencePieceModel model, CodedInputStream input, uint tag);

    void Take(CodedInputStream input, Field field)
    {
        while (input.ReadTag() is var tag and not 0)
            field(this, input, tag);
    }

    static void ModelField(SentencePieceModel model, CodedInputStream input, uint tag)
    {
        switch (tag)
        {
            case 1 << 3 | 2: model.Pieces.Add(ReadPiece(Sub(input))); break;
            case 2 << 3 | 2: model.Take(Sub(input), TrainerField); break;
            case 3 << 3 | 2: model.Take(Sub(input), NormalizerField); break;
            default: input.SkipLastField(); break;
        }
    }

    static CodedInputStream Sub(CodedInputStream input) => new(input.ReadBytes().ToByteArray());

    static SentencePiece ReadPiece(CodedInputStream input)
    {
        var (text, score, kind) = ("", 0f, PieceKind.Normal);
        while (input.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case 1 << 3 | 2: text = input.ReadString(); break;
                case 2 << 3 | 5: score = input.ReadFloat(); break;
                case 3 << 3 | 0: kind = (PieceKind)input.ReadEnum(); break;
                default: input.SkipLastField(); break;
            }
        }
        return new SentencePiece(text, score, kind);
    }

    static void TrainerField(SentencePieceModel model, CodedInputStream input, uint tag)
    {
        switch (tag)
        {
            case 3 << 3 | 0: model.modelType = input.ReadEnum(); break;
            case 24 << 3 | 0: model.whitespaceAsSuffix = input.ReadBool(); break;
            case 35 << 3 | 0: model.ByteFallback = input.ReadBool(); break;
            case 44 << 3 | 2: model.UnknownSurface = input.ReadString(); break;
            case 46 << 3 | 2: model.bosPiece = input.ReadString(); break;
            case 47 << 3 | 2: model.eosPiece = input.ReadString(); break;
            default: input.SkipLastField(); break;
        }
    }

    static void NormalizerField(SentencePieceModel model, CodedInputStream input, uint tag)
    {
        switch (tag)
        {
            case 2 << 3 | 2: model.characterMapBytes = input.ReadBytes().Length; break;
            case 3 << 3 | 0: model.AddDummyPrefix = input.ReadBool(); break;
            case 4 << 3 | 0: model.RemoveExtraWhitespace = input.ReadBool(); break;
            case 5 << 3 | 0: model.EscapeWhitespace = input.ReadBool(); break;
            default: input.SkipLastField(); break;
        }
    }

    void Check(Action<string, string, string> problem)
    {
        if (modelType != 2)
            problem(" trainer_spec.model_type", modelType == 1 ? "unigram" : modelType.ToString(CultureInfo.InvariantCulture), "BPE (2)");
        if (whitespaceAsSuffix)
            problem(" trainer_spec.treat_whitespace_as_suffix", "true", "false");
        if (characterMapBytes > 0)
            problem(" normalizer_spec.precompiled_charsmap", $"a character map of {characterMapBytes:N0} bytes", "none (the identity)");
        var names = new HashSet<string>(Pieces.Count, StringComparer.Ordinal);
        Array.Fill(BytePieces, -1);
        for (var i = 0; i < Pieces.Count; i++)
        {
            var (text, score, kind) = Pieces[i];
            var where = $" pieces[{i}]";
            if (text.Length == 0)
                problem(where, "an empty piece", "a text");
            else if (!names.Add(text))
                problem(where, $"\"{text}\" for the second time", "every piece once");
            if (float.IsNaN(score))
                problem(where, "no number as a score", "a number");
            if (kind is < PieceKind.Normal or > PieceKind.Byte or PieceKind.Unused)
                problem(where, $"type {kind:G}", "normal, unknown, control, user defined or byte");
            if (kind == PieceKind.Byte)
            {
                if (ByteOf(text) is { } b)
                    BytePieces[b] = i;
                else
                    problem(where, $"\"{text}\"", "a byte's piece, <0x00> to <0xFF>");
            }
            if (kind == PieceKind.Unknown)
                Unknown = i;
            if (kind == PieceKind.Control && text == bosPiece)
                Bos = i;
            if (kind == PieceKind.Control && text == eosPiece)
                Eos = i;
        }
        if (Unknown < 0)
            problem("", "no unknown piece", "one piece of type unknown");
        if (Bos < 0)
            problem("", $"no control piece {bosPiece}", "one, the beginning of a text");
        if (Eos < 0)
            problem("", $"no control piece {eosPiece}", "one, the end of a text");
        if (ByteFallback && BytePieces.Contains(-1))
            problem("", $"byte fallback without a piece for byte 0x{Array.IndexOf(BytePieces, -1):X2}", "pieces <0x00> to <0xFF>");
    }

    static byte? ByteOf(string piece) =>
        piece.Length == 6 && piece.StartsWith("<0x", StringComparison.Ordinal) && piece[5] == '>'
        && byte.TryParse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b) ? b : null;
}
