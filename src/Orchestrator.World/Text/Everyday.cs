namespace Orchestrator.World.Text;

/// <summary>What is said in the world when nobody speaks of lands: sentences, sums and lists in which the words of an instruction occur in ordinary ways.</summary>
public static class Everyday
{
    /// <summary>Sentences that tell nothing about a land.</summary>
    public static readonly string[] Sentences =
    [
        "Below the bridge the water is calm.", "The task was done before noon.", "Every task has its hour.", "An instruction is best when it is short.",
        "She read the instruction twice.", "The request was kind, and so was the response.", "He sent a request to the mill.",
        "A good response takes time.", "Write slowly and the ink will not run.", "This book describes a garden.",
        "The page describes how bread is made.", "The black horse was paired with a white one.", "The well provides water for the whole street.",
        "Further down the road there is an inn.", "Without context a word is only a sound.", "A new roof completes the house.",
        "Dress appropriately when it snows.", "Grain is the input of a mill, and flour is its output.", "Tell the truth and sleep well.",
        "Those who rise early see the sun.", "The vane shows which way the wind blows.", "What is lost in spring is found in autumn.",
        "Name your price, said the merchant.", "That which is heavy sinks.", "Give the horse some water, please.",
        "I would like to know more, said the guest.", "Find a dry place and rest.", "It rained, and the children stayed in.",
        "Which is older, nobody knows.", "Who comes late eats cold soup.", "What grows there is good to eat.", "The boat is called a ferry.",
        "Instruction is half of learning.", "Input and output go through the same door.", "Response to the letter came late.",
    ];

    static readonly string[] Numbers =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
            "seventeen", "eighteen"];

    static readonly (string Title, string[] Words)[] Lists =
    [
        ("Colours", ["red", "blue", "green", "white", "black", "yellow", "brown", "grey"]),
        ("Tools", ["hammer", "saw", "rope", "needle", "spade", "knife"]),
        ("Animals", ["goat", "hare", "owl", "otter", "fox", "swan", "bear"]),
        ("To buy", ["bread", "salt", "candles", "cheese", "apples", "honey"]),
    ];

    /// <summary>A sum in words: <c>Three and four make seven.</c></summary>
    public static string Sum(Dice dice)
    {
        int left = dice.Below(9), right = dice.Below(9);
        return Sentence.Of($"{Numbers[left]} and {Numbers[right]} make {Numbers[left + right + 1]}.");
    }

    /// <summary>A list of common words after a colon, in a line or a word a line.</summary>
    public static string List(Dice dice)
    {
        var (title, words) = dice.Of(Lists);
        var chosen = dice.Shuffled(words)[..(2 + dice.Below(3))];
        return dice.Below(3) switch
        {
            0 => $"{title}: {string.Join(", ", chosen)}.",
            1 => $"{title}:\n{string.Join('\n', chosen)}",
            _ => $"### {title}:\n{string.Join(", ", chosen)}",
        };
    }
}
