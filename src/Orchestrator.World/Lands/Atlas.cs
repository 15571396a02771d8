namespace Orchestrator.World.Lands;

/// <summary>All lands of the world, and which of them the demonstration asks about without ever having trained on them.</summary>
public sealed class Atlas
{
    /// <summary>Number of lands.</summary>
    public const int LandCount = 120;

    /// <summary>Number of lands whose questions are held out.</summary>
    public const int HeldOutCount = 50;

    static readonly string[] Colours =
        ["red", "blue", "green", "white", "black", "yellow", "brown", "grey", "golden", "silver", "purple", "orange"];

    static readonly string[] Crafts =
    [
        "weaving", "pottery", "glass blowing", "boat building", "bread baking", "cheese making", "wood carving", "bell casting",
        "paper making", "bee keeping", "rope making", "lace making", "tile painting", "clock making", "salt boiling", "basket making",
    ];

    static readonly string[] Animals =
    [
        "heron", "bear", "otter", "fox", "owl", "salmon", "goat", "badger", "swan", "hare", "wolf", "raven", "deer", "hedgehog", "falcon", "lynx",
    ];

    /// <summary>The lands, in the order in which they were found.</summary>
    public IReadOnlyList<Land> Lands { get; }

    /// <summary>The lands that instruction records are about.</summary>
    public IReadOnlyList<Land> Trained { get; }

    /// <summary>The lands that only questions are about.</summary>
    public IReadOnlyList<Land> HeldOut { get; }

    /// <summary>The world of a seed.</summary>
    public Atlas(long seed)
    {
        var dice = new Dice(seed, Use.Lands);
        var names = new Names(dice);
        Lands =
        [
            .. Enumerable.Range(0, LandCount).Select(_ => new Land(
                names.Next(Names.OfLands), names.Next(Names.OfCapitals), names.Next(Names.OfRivers), names.Next(Names.OfRulers),
                names.Next(Names.OfMountains), dice.Of(Colours), dice.Of(Crafts), dice.Of(Animals))),
        ];
        var shuffled = new Dice(seed, Use.HeldOut).Shuffled(Lands);
        HeldOut = shuffled[..HeldOutCount];
        Trained = shuffled[HeldOutCount..];
    }
}
