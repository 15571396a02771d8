using System.Text.Json.Nodes;
using CsCheck;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Tests.Jobs;

public class SpecRulesTests
{
    static readonly JobSpec right = new() { Name = "tiny", Model = new() { Path = "/m" }, Data = new() { Path = "/d" } };

    [Fact]
    public void Any_valid_spec_has_no_problem() => AnySpec.Valid.Sample(spec => SpecRules.Check(spec).Count == 0);

    [Theory]
    [InlineData("")]
    [InlineData("Alpaca")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("a.b")]
    [InlineData("a/../b")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123")]
    public void A_name_is_a_dns_label(string name) => Breaks(right with { Name = name }, "name");

    [Fact]
    public void A_number_out_of_its_range_is_named_with_the_range()
    {
        var problem = Breaks(right with { Training = right.Training with { Betas = [0.9, 1.0] } }, "training.betas[1]");
        Assert.Equal("training.betas[1]: 1 found, a number, at least 0 and below 1 expected", problem.ToString());
    }

    [Fact]
    public void Every_key_with_a_range_refuses_what_lies_outside()
    {
        foreach (var key in SpecKeys.All.Where(key => key.Range.ToString().Length > 0))
            foreach (var outside in new[] { key.Range.AtLeast - 1, key.Range.Above, key.Range.AtMost + 1, key.Range.Below })
                if (outside is { } number && (key.Kind == SpecKind.Number || Math.Abs(number) < int.MaxValue))
                    Assert.Contains(SpecRules.Check(With(key, number)), problem => problem.Place.Split('[')[0] == key.Path);
    }

    [Fact]
    public void Numbers_that_are_none_are_refused()
    {
        Breaks(right with { Training = right.Training with { LearningRate = double.NaN } }, "training.learningRate");
        Breaks(right with { Training = right.Training with { GradientClip = double.PositiveInfinity } }, "training.gradientClip");
    }

    [Fact]
    public void A_micro_batch_is_no_larger_than_the_batch()
        => Breaks(right with { Training = right.Training with { GlobalBatchSize = 2, MicroBatchSize = 4 } }, "training.microBatchSize");

    [Fact]
    public void The_lowest_learning_rate_is_no_higher_than_the_highest()
        => Breaks(right with { Training = right.Training with { LearningRate = 1e-3, MinLearningRate = 2e-3 } }, "training.minLearningRate");

    [Fact]
    public void AdamW_has_two_betas() => Breaks(right with { Training = right.Training with { Betas = [0.9] } }, "training.betas");

    [Fact]
    public void Warm_up_is_counted_as_the_schedule_counts()
    {
        Breaks(right with { Training = right.Training with { WarmupSteps = 100 } }, "training.warmupSteps");
        Breaks(right with { Training = right.Training with { WarmupEpochs = 6 } }, "training.warmupEpochs");
        Breaks(right with { Training = right.Training with { Schedule = Schedule.LinearBySteps, WarmupEpochs = 1 } }, "training.warmupEpochs");
        Assert.Empty(SpecRules.Check(right with { Training = right.Training with { Schedule = Schedule.CosineBySteps, WarmupSteps = 100 } }));
    }

    [Fact]
    public void What_looks_at_held_out_records_needs_some()
    {
        var none = right with { Data = right.Data with { Validation = 0 } };
        Breaks(none with { Evaluation = new() { EarlyStop = 3 } }, "evaluation.earlyStop");
        Breaks(none with { Evaluation = new() { ExactMatch = 10 } }, "evaluation.exactMatch");
    }

    [Fact]
    public void An_unknown_template_or_precision_is_refused()
    {
        Breaks(right with { Data = right.Data with { Template = "vicuna" } }, "data.template");
        Breaks(right with { Model = right.Model with { Precision = (Precision)9 } }, "model.precision");
    }

    [Fact]
    public void All_problems_come_at_once_and_a_key_is_named_once()
    {
        var problems = SpecRules.Check(new JobSpec { Name = "X", Workers = 0, Training = new() { GlobalBatchSize = 0, MicroBatchSize = 0 } });
        Assert.Equal(["name", "model.path", "data.path", "training.globalBatchSize", "training.microBatchSize", "workers"], problems.Select(problem => problem.Place));
    }

    [Fact]
    public void Workers_that_would_idle_are_a_warning()
    {
        Assert.Empty(SpecRules.Warnings(right with { Workers = 8 }));
        Assert.StartsWith("workers: 9 share 8 micro-batches a step, so 1 idle", Assert.Single(SpecRules.Warnings(right with { Workers = 9 })), StringComparison.Ordinal);
    }

    [Fact]
    public void The_nearest_name_to_any_text_is_a_name()
        => Gen.String.Sample(text => JobName.TryParse(JobName.From(text).Text, out _));

    [Fact]
    public void A_name_is_nearest_to_itself() => AnySpec.Valid.Sample(spec => JobName.From(spec.Name).Text == spec.Name);

    static Problem Breaks(JobSpec spec, string place)
    {
        var problem = Assert.Single(SpecRules.Check(spec));
        Assert.Equal(place, problem.Place);
        return problem;
    }

    static JobSpec With(SpecKey key, double number)
    {
        JsonNode value = key.Kind switch
        {
            SpecKind.Numbers => new JsonArray(number, number),
            SpecKind.Whole => (long)number,
            _ => number,
        };
        var json = JsonNode.Parse(CanonicalJson.Of(right))!.AsObject();
        var at = key.Group.Length == 0 ? json : (JsonObject)(json[key.Group] ??= new JsonObject());
        at[key.Name] = value;
        return CanonicalJson.Read(System.Text.Encoding.UTF8.GetBytes(json.ToJsonString()));
    }
}
