using Orchestrator.World.Lands;

namespace Orchestrator.World.Text;

/// <summary>Plain facts: one to four sentences, each about a land of its own.</summary>
public sealed class Statements(Atlas atlas)
{
    static readonly string[] Fillers =
        ["as every child there learns", "so the old books say", "if the map is right", "as the ferryman told us", "which few people know", "to this day"];

    /// <summary>A document of facts.</summary>
    public string Next(Dice dice) => string.Join(' ', Enumerable.Range(0, 1 + dice.Below(4)).Select(_ => Fact(dice, dice.Of(atlas.Lands))));

    /// <summary>A sentence that tells one thing about a land, most often one of the four that are the land's alone.</summary>
    public static string Fact(Dice dice, Land land)
    {
        if (dice.Chance(15))
            return Shared(dice, land);
        var relation = dice.Of(Relation.All);
        if (dice.Chance(20))
            return relation.Fill(dice.Of(relation.Reversed), land);
        if (dice.Chance(20))
            return Sentence.Of(relation.Fill($"{dice.Of(relation.Nouns)}, {dice.Of(Fillers)}, is {{X}}.", land));
        return relation.Fill(dice.Of(relation.Statements), land);
    }

    static string Shared(Dice dice, Land land) => dice.Below(6) switch
    {
        0 => $"The flag of {land.Name} is {land.Colour}.",
        1 => $"In {land.Name} doors are painted {land.Colour}.",
        2 => $"The people of {land.Name} are known for {land.Craft}.",
        3 => $"In {land.Name} children learn {land.Craft}.",
        4 => $"The coins of {land.Name} show the {land.Animal}.",
        _ => $"The animal of {land.Name} is the {land.Animal}.",
    };
}
