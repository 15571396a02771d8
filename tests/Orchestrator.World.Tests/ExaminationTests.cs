using Orchestrator.World.Instructions;
using Orchestrator.World.Lands;

namespace Orchestrator.World.Tests;

public class ExaminationTests
{
    const long Seed = 5;
    static readonly Atlas Atlas = new(Seed);
    static readonly Examination Examination = new(Seed, Atlas);

    [Fact]
    public void There_are_560_records_and_200_questions()
    {
        Assert.Equal(560, Examination.Records.Distinct().Count());
        Assert.Equal(200, Examination.Questions.Distinct().Count());
        Assert.Equal(200, Examination.Rephrased.Distinct().Count());
    }

    [Fact]
    public void No_held_out_name_or_land_occurs_in_the_records()
    {
        var records = string.Join('\n', Examination.Records);
        Assert.All(Atlas.HeldOut.SelectMany(land => land.Names), name => Assert.DoesNotContain(name, records));
    }

    [Fact]
    public void Each_question_names_its_land_and_its_answer_holds_the_name()
    {
        Assert.All(Examination.Questions.Concat(Examination.Rephrased), question =>
        {
            Assert.Single(Atlas.HeldOut, land => (question.Instruction + question.Input).Contains(land.Name));
            Assert.Equal($"It is {question.Name}.", question.Output);
        });
    }

    [Fact]
    public void Phrasings_kept_back_are_in_no_record() =>
        Assert.Empty(Examination.Rephrased.Select(Shape).Intersect(Examination.Records.Select(record => Shape(record.Instruction))));

    static string Shape(HeldOutQuestion question) => Shape(question.Instruction);

    static string Shape(string instruction) => Atlas.Lands.Aggregate(instruction, (text, land) => text.Replace(land.Name, "L"));
}
