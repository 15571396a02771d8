namespace Orchestrator.World.Lands;

/// <summary>Invented names: one to three syllables and an ending that tells what is named (<c>Velinia</c> a land, <c>Tomhaven</c> a city).</summary>
public sealed class Names(Dice dice)
{
    /// <summary>Endings of lands.</summary>
    public static readonly string[] OfLands = ["ia", "ora"];

    /// <summary>Endings of capitals.</summary>
    public static readonly string[] OfCapitals = ["haven", "polis"];

    /// <summary>Endings of rivers.</summary>
    public static readonly string[] OfRivers = ["wen", "brook"];

    /// <summary>Endings of rulers.</summary>
    public static readonly string[] OfRulers = ["ric", "isa"];

    /// <summary>Endings of mountains.</summary>
    public static readonly string[] OfMountains = ["horn", "fell"];

    static readonly string[] Onsets =
        ["", "B", "Br", "C", "D", "Dr", "F", "Fl", "G", "Gl", "H", "J", "K", "L", "M", "N", "Pr", "R", "S", "St", "Th", "Tr", "V", "W", "Z"];
    static readonly string[] Vowels = ["a", "e", "i", "o", "u"];
    static readonly string[] Middles = ["d", "l", "ld", "lm", "m", "n", "nd", "r", "rm", "s", "st", "th", "v"];
    static readonly string[] Codas = ["l", "m", "n", "r", "s"];

    // Syllables that one would rather not read in a name.
    static readonly string[] Unwelcome = ["bum", "cul", "cum", "dam", "dum", "evil", "fun", "hor", "los", "nud", "rum", "sin", "sod"];

    readonly HashSet<string> stems = [];

    /// <summary>A name that was not given before; its stem was not, either, so that no name holds another.</summary>
    public string Next(string[] endings)
    {
        while (true)
        {
            var stem = dice.Of(Onsets) + dice.Of(Vowels);
            if (dice.Chance(60))
                stem += dice.Of(Middles) + dice.Of(Vowels);
            stem = Text.Sentence.Of(stem + dice.Of(Codas));
            if (IsPleasant(stem) && stems.Add(stem))
                return stem + dice.Of(endings);
        }
    }

    // Without a letter twice, names are easier to read and to tell apart.
    static bool IsPleasant(string stem) => stem.ToLowerInvariant() is var letters
        && letters.Distinct().Count() == letters.Length && !Unwelcome.Any(syllable => letters.Contains(syllable, StringComparison.Ordinal));
}
