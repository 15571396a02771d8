using Orchestrator.Learning.Data;
using Orchestrator.Protocol;
using static Orchestrator.Learning.Tests.Data.SmallModels;

namespace Orchestrator.Learning.Tests.Data;

public sealed class SmallSentencePieceTests : IDisposable
{
    readonly Folder folder = new();

    public void Dispose() => folder.Dispose();

    Tokenizer Open(byte[] model) => Tokenizer.Open(folder.Write("tokenizer.model", model));

    static string Shown(Tokenizer tokenizer, string text) => string.Join('|', tokenizer.Encode(text).Select(tokenizer.Piece));

    [Fact]
    public void Without_a_dummy_prefix_a_text_begins_as_it_is()
    {
        var tokenizer = Open(SentencePiece(Pieces(bytes: true, "ab", "▁ab", "a", "b", "▁"), dummyPrefix: false));
        Assert.Equal("ab|▁ab|<0x0A>|ab", Shown(tokenizer, "ab ab\nab"));
        Assert.Equal(" ab ", tokenizer.Decode(tokenizer.Encode(" ab ")));
    }

    [Fact]
    public void Without_byte_pieces_a_run_of_unknown_characters_is_one_unknown_piece()
    {
        var tokenizer = Open(SentencePiece(Pieces(bytes: false, "▁a", "▁", "a", "b"), byteFallback: false));
        Assert.Equal("▁a|<unk>|b", Shown(tokenizer, "axyz🤖b"));
        Assert.Equal("a \u2047 b", tokenizer.Decode(tokenizer.Encode("axb")));
    }

    [Fact]
    public void A_character_that_is_no_piece_can_be_part_of_one()
    {
        var tokenizer = Open(SentencePiece(Pieces(bytes: true, "xy", "▁")));
        Assert.Equal("▁|xy|<0x78>", Shown(tokenizer, "xyx"));
    }

    [Fact]
    public void Pieces_that_go_on_over_a_space_are_found()
    {
        var tokenizer = Open(SentencePiece(Pieces(bytes: true, "a▁b", "a▁", "▁a", "▁b", "▁", "a", "b")));
        Assert.Equal("▁|a▁b|▁b", Shown(tokenizer, "a b b"));
    }

    [Fact]
    public void User_defined_pieces_come_before_all_merges()
    {
        var tokenizer = Open(SentencePiece([.. Pieces(bytes: true, "ab", "▁a", "▁", "a", "b", "c"), ("bc", -9, Kind.UserDefined)]));
        Assert.Equal("▁a|bc", Shown(tokenizer, "abc"));
    }

    [Fact]
    public void Extra_spaces_go_where_the_model_says_so()
    {
        var tokenizer = Open(SentencePiece(Pieces(bytes: true, "▁a", "▁b", "▁", "a", "b"), removeExtraSpaces: true));
        Assert.Equal("▁a|▁b", Shown(tokenizer, "  a   b "));
        Assert.Empty(tokenizer.Encode("   "));
    }

    [Fact]
    public void The_highest_score_is_merged_first()
    {
        var tokenizer = Open(SentencePiece(Pieces(bytes: true, "bc", "ab", "abc", "a", "b", "c", "▁")));
        Assert.Equal("▁|abc", Shown(tokenizer, "abc"));
        Assert.Equal("▁|ab|bc", Shown(tokenizer, "abbc"));
    }

    [Theory]
    [InlineData("unigram", "trainer_spec.model_type: unigram found, BPE (2) expected")]
    [InlineData("map", "normalizer_spec.precompiled_charsmap: a character map of 3 bytes found, none (the identity) expected")]
    [InlineData("unused", "pieces[3]: type Unused found, normal, unknown, control, user defined or byte expected")]
    [InlineData("twice", "pieces[4]: \"a\" for the second time found, every piece once expected")]
    [InlineData("bytes", ": byte fallback without a piece for byte 0x00 found, pieces <0x00> to <0xFF> expected")]
    [InlineData("bos", ": no control piece <s> found, one, the beginning of a text expected")]
    public void What_is_not_read_is_named(string what, string problem)
    {
        var model = what switch
        {
            "unigram" => SentencePiece(Pieces(bytes: true), modelType: 1),
            "map" => SentencePiece(Pieces(bytes: true), characterMap: "abc"),
            "unused" => SentencePiece([.. Pieces(bytes: false), ("a", 0, Kind.Unused)], byteFallback: false),
            "twice" => SentencePiece(Pieces(bytes: false, "a", "a"), byteFallback: false),
            "bytes" => SentencePiece(Pieces(bytes: false)),
            _ => SentencePiece(Pieces(bytes: false).Where(piece => piece.Text != "<s>"), byteFallback: false),
        };
        var thrown = Assert.Throws<ProblemException>(() => Open(model));
        Assert.EndsWith(problem, Assert.Single(thrown.Problems).ToString());
    }

    [Fact]
    public void A_truncated_model_says_after_how_many_pieces()
    {
        var bytes = File.ReadAllBytes(SharedFiles.Need("models/stories260K/tokenizer.model"));
        var thrown = Assert.Throws<ProblemException>(() => Open(bytes[..(bytes.Length / 2)]));
        Assert.Contains("a damaged model after ", thrown.Message);
    }

    [Fact]
    public void Other_files_are_no_tokenizers()
    {
        Assert.Contains("an empty file found", Assert.Throws<ProblemException>(() => Open([])).Message);
        Assert.Contains("begins with \"{\"version\": 1}\" found", Assert.Throws<ProblemException>(() => Open("{\"version\": 1}"u8.ToArray())).Message);
        Assert.Contains("no file found", Assert.Throws<ProblemException>(() => Tokenizer.Open(Path.Combine(folder.Path, "missing"))).Message);
    }
}
