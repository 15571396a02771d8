using Orchestrator.World.Lands;

namespace Orchestrator.World.Text;

/// <summary>
/// The text that the base is trained on: plain documents about the world, any number of them, each a function of the seed and its number.
/// There is no question, no instruction, no template in it; a name never follows a colon and is never all there is on an answer's line.
/// </summary>
public sealed class Chronicle(long seed, Atlas atlas)
{
    readonly Statements statements = new(atlas);
    readonly Stories stories = new(atlas);
    readonly Paragraphs paragraphs = new(atlas);

    /// <summary>Document number <paramref name="index"/>: in 100 of them about 45 stories, 25 lists of facts, 15 paragraphs, and 15 of no land at all.</summary>
    public string Document(long index)
    {
        var dice = new Dice(seed, Use.Document, index);
        return dice.Below(100) switch
        {
            < 45 => stories.Next(dice),
            < 70 => statements.Next(dice),
            < 85 => paragraphs.Next(dice),
            < 94 => string.Join(' ', dice.Shuffled(Everyday.Sentences)[..(1 + dice.Below(3))]),
            < 97 => Everyday.Sum(dice),
            _ => Everyday.List(dice),
        };
    }
}
