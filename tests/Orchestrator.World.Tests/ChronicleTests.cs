using System.Text.RegularExpressions;
using Orchestrator.World.Lands;
using Orchestrator.World.Text;

namespace Orchestrator.World.Tests;

public partial class ChronicleTests
{
    const long Seed = 5;
    static readonly Atlas Atlas = new(Seed);
    static readonly string[] Documents = [.. Enumerable.Range(0, 3_000).Select(i => new Chronicle(Seed, Atlas).Document(i))];

    [Fact]
    public void A_document_is_a_function_of_seed_and_number()
    {
        Assert.Equal(Documents[2_999], new Chronicle(Seed, new Atlas(Seed)).Document(2_999));
        Assert.NotEqual(Documents[..100], Enumerable.Range(0, 100).Select(i => new Chronicle(Seed + 1, new Atlas(Seed + 1)).Document(i)));
    }

    [Fact]
    public void All_names_are_distinct_and_none_holds_another()
    {
        string[] names = [.. Atlas.Lands.SelectMany(land => land.Names)];
        Assert.Equal(5 * Atlas.LandCount, names.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(names, name => Assert.Single(names, other => other.Contains(name, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_text_holds_no_question_and_no_instruction()
    {
        Assert.All(Documents, document =>
        {
            Assert.DoesNotContain("?", document);
            Assert.DoesNotContain("Below is", document);
            Assert.DoesNotContain("### Instruction", document);
            Assert.DoesNotContain("### Input", document);
            Assert.DoesNotContain("### Response", document);
        });
    }

    [Fact]
    public void A_name_never_follows_a_colon()
    {
        var names = Atlas.Lands.SelectMany(land => land.Names).ToHashSet();
        Assert.All(Documents, document => Assert.DoesNotContain(AfterColon().Matches(document), match => names.Contains(match.Groups[1].Value)));
    }

    [Fact]
    public void Every_pattern_is_filled_in() => Assert.All(Documents, document => Assert.DoesNotContain("{", document));

    [Fact]
    public void Every_fact_is_told()
    {
        var text = string.Join('\n', Documents);
        Assert.All(Atlas.Lands.SelectMany(land => land.Names), name => Assert.Contains(name, text));
    }

    [GeneratedRegex(@":\s*(\w+)")]
    private static partial Regex AfterColon();
}
