using Orchestrator.Learning.Data;
using Orchestrator.World.Lands;
using Orchestrator.World.Text;

namespace Orchestrator.World.Instructions;

/// <summary>Instructions and their answers: records about the trained lands, questions about the held-out ones.</summary>
public sealed class Examination
{
    /// <summary>Phrasings of a relation that each trained land gets, out of seven.</summary>
    public const int PhrasingsPerFact = 2;

    /// <summary>70 lands x 4 relations x 2 phrasings, in mixed order.</summary>
    public IReadOnlyList<AlpacaRecord> Records { get; }

    /// <summary>50 held-out lands x 4 relations, each in one of the phrasings that the records use.</summary>
    public IReadOnlyList<HeldOutQuestion> Questions { get; }

    /// <summary>The held-out lands again, in phrasings that no record uses.</summary>
    public IReadOnlyList<HeldOutQuestion> Rephrased { get; }

    /// <summary>The examination of a world.</summary>
    public Examination(long seed, Atlas atlas)
    {
        var dice = new Dice(seed, Use.Examination);
        var records = from land in atlas.Trained
                      from relation in Relation.All
                      from phrasing in dice.Shuffled(relation.Questions)[..PhrasingsPerFact]
                      select Asked(land, relation, phrasing);
        Records = dice.Shuffled(records.Select(record => new AlpacaRecord(record.Instruction, record.Input, record.Output)));
        Questions = [.. from land in atlas.HeldOut from relation in Relation.All select Asked(land, relation, dice.Of(relation.Questions))];
        Rephrased = [.. from land in atlas.HeldOut from relation in Relation.All select Asked(land, relation, dice.Of(relation.Unseen))];
    }

    static HeldOutQuestion Asked(Land land, Relation relation, string phrasing) => new(
        relation.Fill(phrasing, land), phrasing.Contains("{L}") ? "" : land.Name, $"It is {relation.Of(land)}.", relation.Of(land));
}
