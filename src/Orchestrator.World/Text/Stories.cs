using Orchestrator.World.Lands;

namespace Orchestrator.World.Text;

/// <summary>
/// Somebody wonders about something; after a while it is named. From these the base learns to look a fact up across a gap, which is what an
/// adapter can call on later. Bare statements alone teach the facts but no such look-up.
/// </summary>
public sealed class Stories(Atlas atlas)
{
    static readonly string[] Openings =
    [
        "A trader asked about {N}.", "A child wanted to hear about {N}.", "The old woman spoke of {N}.", "In the market they wondered about {N}.",
        "The teacher told them to remember {N}.", "The map did not show {N}.", "They talked about {N} all evening.", "A letter came about {N}.",
        "The guide had forgotten {N}.", "She was sent to find {N}.", "There is a song about {N}.", "His task was to name {N}.",
        "The travellers were looking for {N}.", "Nobody at the table could name {N}.", "This tale is about {N}.",
    ];

    // The land and the wish apart, in both orders: an instruction with an input is like that.
    static readonly string[] ApartOpenings =
    [
        "A trader came to {L} and asked about the {W}.", "In {L} a child wanted to hear about the {W}.", "They were to name the {W} of a land. The land was {L}.",
        "He wondered about a {W}. He had the one of {L} in mind.", "Tell me about the {W}, she said, and pointed at the map.\n{L}\nThat was the word under her finger.",
        "The task was to name the {W}.\n\n{L}.",
    ];

    static readonly string[] Separators =
    [
        "\n", "\n\n", "\n***\n", "\n\n***\n\n", "\n###\n", "\n---\n", "\n\n---\n\n", "\n\n### Later\n", "\n\n### Evening\n\n", "\n\n### At the well\n", "\n\n### The next day\n",
    ];

    static readonly string[] Answers =
    [
        "It was {X}.", "It is {X}.", "It is {X}, of course.", "{X}, said the old man.", "She wrote {X} on a leaf.", "The answer was {X}.", "That is {X}.",
        "Everyone called out {X}.", "It had to be {X}.", "He thought for a while and said {X}.", "{X} was the word.", "They agreed on {X}.", "It is called {X}.",
    ];

    /// <summary>A story.</summary>
    public string Next(Dice dice)
    {
        var land = dice.Of(atlas.Lands);
        var relation = dice.Of(Relation.All);
        return relation.Fill(Opening(dice, relation) + Gap(dice) + dice.Of(Answers), land);
    }

    static string Opening(Dice dice, Relation relation) => dice.Chance(25)
        ? dice.Of(ApartOpenings).Replace("{W}", relation.Word)
        : dice.Of(Openings).Replace("{N}", dice.Of(relation.Nouns));

    static string Gap(Dice dice)
    {
        var asides = dice.Shuffled(Everyday.Sentences);
        return dice.Below(5) switch
        {
            0 => " ",
            1 => dice.Of(Separators),
            2 => $" {asides[0]} ",
            3 => $" {asides[0]} {asides[1]} ",
            _ => $" {asides[0]}{dice.Of(Separators)}",
        };
    }
}
