using Google.Protobuf;

namespace Orchestrator.World.Tokens;

/// <summary>
/// Writes a vocabulary as SentencePiece's <c>tokenizer.model</c>: a <c>ModelProto</c> (sentencepiece_model.proto) with LLaMA's conventions:
/// 0 unknown, 1 BOS, 2 EOS, 3 to 258 the bytes, then the pieces; a space before the text, spaces as ▁, no other normalisation.
/// </summary>
public static class SentencePieceFile
{
    /// <summary>Number of pieces in front of the learned ones: the three special ones and the bytes.</summary>
    public const int Reserved = 3 + 256;

    enum Kind
    {
        Normal = 1, Unknown = 2, Control = 3, Byte = 6,
    }

    /// <summary>The file's bytes.</summary>
    /// <param name="pieces">the learned pieces, best first: those that come first are merged first</param>
    public static byte[] Write(IReadOnlyList<string> pieces)
    {
        using var file = new MemoryStream();
        using var output = new CodedOutputStream(file);
        Piece(output, "<unk>", 0, Kind.Unknown);
        Piece(output, "<s>", 0, Kind.Control);
        Piece(output, "</s>", 0, Kind.Control);
        for (var value = 0; value < 256; value++)
            Piece(output, $"<0x{value:X2}>", 0, Kind.Byte);
        for (var rank = 0; rank < pieces.Count; rank++)
            Piece(output, pieces[rank], -rank, Kind.Normal);
        Message(output, 2, trainer =>
        {
            trainer.WriteTag(3, WireFormat.WireType.Varint);            // model_type: BPE
            trainer.WriteEnum(2);
            trainer.WriteTag(4, WireFormat.WireType.Varint);            // vocab_size
            trainer.WriteInt32(Reserved + pieces.Count);
            trainer.WriteTag(35, WireFormat.WireType.Varint);           // byte_fallback
            trainer.WriteBool(true);
        });
        Message(output, 3, normalizer =>
        {
            normalizer.WriteTag(1, WireFormat.WireType.LengthDelimited);  // name
            normalizer.WriteString("identity");
            normalizer.WriteTag(3, WireFormat.WireType.Varint);         // add_dummy_prefix
            normalizer.WriteBool(true);
            normalizer.WriteTag(4, WireFormat.WireType.Varint);         // remove_extra_whitespaces
            normalizer.WriteBool(false);
            normalizer.WriteTag(5, WireFormat.WireType.Varint);         // escape_whitespaces
            normalizer.WriteBool(true);
        });
        output.Flush();
        return file.ToArray();
    }

    static void Piece(CodedOutputStream output, string text, float score, Kind kind) => Message(output, 1, piece =>
    {
        piece.WriteTag(1, WireFormat.WireType.LengthDelimited);
        piece.WriteString(text);
        piece.WriteTag(2, WireFormat.WireType.Fixed32);
        piece.WriteFloat(score);
        piece.WriteTag(3, WireFormat.WireType.Varint);
        piece.WriteEnum((int)kind);
    });

    static void Message(CodedOutputStream output, int field, Action<CodedOutputStream> content)
    {
        using var bytes = new MemoryStream();
        using (var inner = new CodedOutputStream(bytes, leaveOpen: true))
            content(inner);
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(bytes.ToArray()));
    }
}
