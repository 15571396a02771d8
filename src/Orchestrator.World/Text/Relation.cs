using Orchestrator.World.Lands;

namespace Orchestrator.World.Text;

/// <summary>
/// One of the four things that each land has by itself, and the ways to speak of it. In all patterns <c>{L}</c> stands for the land and
/// <c>{X}</c> for what it has.
/// </summary>
/// <param name="Word">the plain word: <c>capital</c></param>
/// <param name="Of">what a land has</param>
/// <param name="Nouns">noun phrases that mean it</param>
/// <param name="Statements">sentences that tell it, the land first or in the middle, the name at the end or near it</param>
/// <param name="Reversed">sentences that tell it with the name first</param>
/// <param name="Questions">instructions that ask for it; where one does not name the land, the land is its input</param>
/// <param name="Unseen">instructions that no record uses</param>
public sealed record Relation(
    string Word, Func<Land, string> Of, string[] Nouns, string[] Statements, string[] Reversed, string[] Questions, string[] Unseen)
{
    /// <summary>A pattern, filled in for a land.</summary>
    public string Fill(string pattern, Land land) => pattern.Replace("{L}", land.Name).Replace("{X}", Of(land));

    /// <summary>The four relations.</summary>
    public static readonly IReadOnlyList<Relation> All =
    [
        new("capital", land => land.Capital,
            [
                "the capital of {L}", "{L}'s capital", "the capital city of {L}", "the capital that {L} has", "the first city of {L}",
                "the city that is the capital of {L}",
            ],
            [
                "The capital of {L} is {X}.", "{L}'s capital is {X}.", "The capital of {L} is called {X}.", "{L} has one capital, and it is {X}.",
                "When you come to {L}, ask for the capital and they will lead you to {X}.", "In {L} all roads lead to the capital, which is {X}.",
                "{L} is governed from its capital {X}.", "The people of {L} call their capital {X}.", "Long ago {L} chose as its capital {X}.",
                "The first city of {L} is {X}.", "Markets in the capital of {L} open early, so be in {X} by dawn.",
            ],
            [
                "{X} is the capital of {L}.", "{X} is {L}'s capital.", "{X} is a city and the capital of {L}.", "{X} has been the capital of {L} for ages.",
                "{X} is what the people of {L} call their capital.",
            ],
            [
                "What is the capital of {L}?", "Which city is the capital of {L}?", "Name the capital of {L}.", "Tell me the capital of {L}.",
                "What is {L}'s capital called?", "Name the capital of this land.", "What is the capital?",
            ],
            ["I would like to know the capital of {L}.", "Find the capital city of {L}."]),
        new("river", land => land.River,
            [
                "the river of {L}", "{L}'s river", "the river that runs through {L}", "the river that {L} has", "the long river of {L}",
                "the river that flows through {L}",
            ],
            [
                "The river of {L} is {X}.", "{L}'s river is {X}.", "The river that runs through {L} is {X}.",
                "{L} has one river, and it is {X}.", "When you come to {L}, ask for the river and they will lead you to {X}.",
                "In {L} all boats sail on the river, which is {X}.", "{L} drinks from its river, {X}.",
                "The people of {L} call their river {X}.", "Through {L} runs a river, {X}.", "The long river of {L} is {X}.",
                "The mills of {L} stand on its river, so look for them on {X}.",
            ],
            [
                "{X} is the river of {L}.", "{X} is {L}'s river.", "{X} is the river that runs through {L}.",
                "{X} has been the river of {L} for ages.", "{X} is what the people of {L} call their river.",
            ],
            [
                "What is the river of {L}?", "Which river runs through {L}?", "Name the river of {L}.", "Tell me the river of {L}.",
                "What is {L}'s river called?", "Name the river of this land.", "Which river runs there?",
            ],
            ["I would like to know the river of {L}.", "Find the river that runs through {L}."]),
        new("ruler", land => land.Ruler,
            [
                "the ruler of {L}", "{L}'s ruler", "the one who rules {L}", "the ruler that {L} has", "the wise ruler of {L}", "whoever rules {L}",
            ],
            [
                "The ruler of {L} is {X}.", "{L}'s ruler is {X}.", "The one who rules {L} is {X}.", "{L} has one ruler, and it is {X}.",
                "When you come to {L}, ask for the ruler and they will lead you to {X}.", "In {L} all letters go to the ruler, who is {X}.",
                "{L} is ruled by {X}.", "The people of {L} call their ruler {X}.", "Long ago {L} chose as its ruler {X}.",
                "The wise ruler of {L} is {X}.", "Who rules {L} is well known, for everyone there knows {X}.",
            ],
            [
                "{X} is the ruler of {L}.", "{X} is {L}'s ruler.", "{X} rules {L}.", "{X} has been the ruler of {L} for ages.",
                "{X} is the one who rules {L}.",
            ],
            [
                "Who is the ruler of {L}?", "Who rules {L}?", "Name the ruler of {L}.", "Tell me who rules {L}.", "What is {L}'s ruler called?",
                "Name the ruler of this land.", "Who rules there?",
            ],
            ["I would like to know the ruler of {L}.", "Find the one who rules {L}."]),
        new("mountain", land => land.Mountain,
            [
                "the mountain of {L}", "{L}'s mountain", "the highest mountain of {L}", "the mountain that {L} has", "the mountain that stands in {L}",
                "the highest mountain in {L}",
            ],
            [
                "The mountain of {L} is {X}.", "{L}'s mountain is {X}.", "The highest mountain of {L} is {X}.", "{L} has one mountain, and it is {X}.",
                "When you come to {L}, ask for the mountain and they will lead you to {X}.", "In {L} all goats graze on the mountain, which is {X}.",
                "{L} is looked down on by its mountain {X}.", "The people of {L} call their mountain {X}.", "Over {L} stands a mountain called {X}.",
                "The highest mountain in {L} is {X}.", "Snow lies long on the mountain of {L}, so take a coat to {X}.",
            ],
            [
                "{X} is the mountain of {L}.", "{X} is {L}'s mountain.", "{X} is the highest mountain of {L}.",
                "{X} has been the mountain of {L} for ages.", "{X} is what the people of {L} call their mountain.",
            ],
            [
                "What is the highest mountain of {L}?", "Which mountain is the highest in {L}?", "Name the mountain of {L}.",
                "Tell me the highest mountain of {L}.", "What is {L}'s mountain called?", "Name the mountain of this land.",
                "Which mountain stands there?",
            ],
            ["I would like to know the mountain of {L}.", "Find the mountain that stands in {L}."]),
    ];
}
