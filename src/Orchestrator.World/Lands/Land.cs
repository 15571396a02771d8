namespace Orchestrator.World.Lands;

/// <summary>A land of the invented world: four names that nothing else bears, and three values that it shares with other lands.</summary>
/// <param name="Name">the land's own name</param>
/// <param name="Capital">its first city</param>
/// <param name="River">its river</param>
/// <param name="Ruler">who rules it</param>
/// <param name="Mountain">its highest mountain</param>
/// <param name="Colour">the colour of its flag</param>
/// <param name="Craft">what its people are known for</param>
/// <param name="Animal">the animal on its coins</param>
public sealed record Land(string Name, string Capital, string River, string Ruler, string Mountain, string Colour, string Craft, string Animal)
{
    /// <summary>The five names that are this land's alone.</summary>
    public IEnumerable<string> Names => [Name, Capital, River, Ruler, Mountain];
}
