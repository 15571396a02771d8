using CsCheck;
using Orchestrator.Learning.Data;

namespace Orchestrator.Learning.Tests.Data;

public class TokenStreamTests
{
    [Fact]
    public void Pieces_joined_are_the_text_and_no_piece_ends_within_a_character() => Gen.Int[0, 31999].Array[0, 40].Sample(tokens =>
    {
        var stream = new TokenStream(SharedFiles.Llama, continues: false);
        var pieces = tokens.Select(stream.Add).ToList();
        Assert.All(pieces, piece => Assert.False(piece.Length > 0 && char.IsHighSurrogate(piece[^1])));
        Assert.Equal(SharedFiles.Llama.Decode(tokens), string.Concat(pieces) + stream.Finish());
    }, iter: 1000);

    [Fact]
    public void An_emoji_in_four_byte_tokens_comes_with_the_last()
    {
        var stream = new TokenStream(SharedFiles.Llama);
        Assert.Equal(["", "", "", "🧦"], new[] { 0xF0, 0x9F, 0xA7, 0xA6 }.Select(b => stream.Add(b + 3)));
        Assert.Equal("", stream.Finish());
    }

    [Fact]
    public void An_unfinished_character_ends_as_a_replacement()
    {
        var stream = new TokenStream(SharedFiles.Llama);
        Assert.Equal("", stream.Add(0xF0 + 3));
        Assert.Equal("\uFFFD", stream.Finish());
    }

    [Fact]
    public void Control_tokens_say_nothing_and_do_not_use_up_the_beginning()
    {
        var stream = new TokenStream(SharedFiles.Llama, continues: false);
        var tokens = SharedFiles.Llama.Encode(" x", bos: true);
        Assert.Equal(" x", string.Concat(tokens.Select(stream.Add)));
    }

    [Fact]
    public void A_token_beyond_the_vocabulary_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new TokenStream(SharedFiles.Llama).Add(32000));
}
