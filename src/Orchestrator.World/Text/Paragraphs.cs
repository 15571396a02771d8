using Orchestrator.World.Lands;

namespace Orchestrator.World.Text;

/// <summary>A few sentences about one land, which is named once and then is <c>it</c> or <c>there</c>.</summary>
public sealed class Paragraphs(Atlas atlas)
{
    static readonly string[] Openings =
    [
        "{L} is a land of {craft}.", "Few people travel to {L}.", "We came to {L} in spring.", "{L} has a {colour} flag.", "This page describes {L}.",
        "In {L} the {animal} is on every coin.",
    ];

    static readonly string[] Sentences =
    [
        "Its {word} is {X}.", "The {word} there is {X}.", "There the {word} is called {X}.", "As its {word} it has {X}.", "Everyone there knows the {word} {X}.",
    ];

    /// <summary>A paragraph.</summary>
    public string Next(Dice dice)
    {
        var land = dice.Of(atlas.Lands);
        var opening = dice.Of(Openings).Replace("{L}", land.Name).Replace("{craft}", land.Craft).Replace("{colour}", land.Colour)
            .Replace("{animal}", land.Animal);
        var facts = dice.Shuffled(Relation.All)[..(1 + dice.Below(3))]
            .Select(relation => dice.Of(Sentences).Replace("{word}", relation.Word).Replace("{X}", relation.Of(land)));
        return $"{opening} {string.Join(' ', facts)}";
    }
}
