using System.Text;
using Google.Protobuf;

namespace Orchestrator.Learning.Tests.Data;

/// <summary>Small tokenizer files, written as the formats say.</summary>
static class SmallModels
{
    public enum Kind
    {
        Normal = 1,
        Unknown = 2,
        Control = 3,
        UserDefined = 4,
        Unused = 5,
        Byte = 6,
    }

    /// <summary>sentencepiece_model.proto: pieces = 1, trainer_spec = 2, normalizer_spec = 3.</summary>
    public static byte[] SentencePiece(
        IEnumerable<(string Text, float Score, Kind Kind)> pieces, bool byteFallback = true, bool dummyPrefix = true, bool removeExtraSpaces = false,
        int modelType = 2, string characterMap = "") => Message(model =>
    {
        foreach (var (text, score, kind) in pieces)
        {
            Sub(model, 1, piece =>
            {
                piece.WriteTag(1, WireFormat.WireType.LengthDelimited);
                piece.WriteString(text);
                piece.WriteTag(2, WireFormat.WireType.Fixed32);
                piece.WriteFloat(score);
                Number(piece, 3, (int)kind);
            });
        }
        Sub(model, 2, trainer =>
        {
            Number(trainer, 3, modelType);
            Number(trainer, 35, byteFallback ? 1 : 0);
        });
        Sub(model, 3, normalizer =>
        {
            normalizer.WriteTag(2, WireFormat.WireType.LengthDelimited);
            normalizer.WriteString(characterMap);
            Number(normalizer, 3, dummyPrefix ? 1 : 0);
            Number(normalizer, 4, removeExtraSpaces ? 1 : 0);
        });
    });

    /// <summary>Unknown, BOS, EOS, if asked for the bytes, then the given pieces, the first with the highest score.</summary>
    public static IEnumerable<(string Text, float Score, Kind Kind)> Pieces(bool bytes, params string[] normal) =>
    [
        ("<unk>", 0, Kind.Unknown), ("<s>", 0, Kind.Control), ("</s>", 0, Kind.Control),
        .. bytes ? Enumerable.Range(0, 256).Select(b => ($"<0x{b:X2}>", 0f, Kind.Byte)) : [],
        .. normal.Select((text, i) => (text, -(float)i, Kind.Normal)),
    ];

    /// <summary>The 256 bytes in order, then the given tokens.</summary>
    public static byte[] Tiktoken(params string[] tokens) => Encoding.ASCII.GetBytes(string.Concat(
        Enumerable.Range(0, 256).Select(b => new[] { (byte)b }).Concat(tokens.Select(Encoding.UTF8.GetBytes))
            .Select((token, rank) => $"{Convert.ToBase64String(token)} {rank}\n")));

    static byte[] Message(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
            write(output);
        return bytes.ToArray();
    }

    static void Sub(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(Message(write)));
    }

    static void Number(CodedOutputStream output, int field, int value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt32(value);
    }
}
