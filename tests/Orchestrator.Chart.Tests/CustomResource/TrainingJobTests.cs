using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Json.Schema;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Tests.Jobs;

namespace Orchestrator.Chart.Tests.CustomResource;

public class TrainingJobTests
{
    static readonly JsonObject spec = Yaml.Document(Checkout.Read(TrainingJobDefinition.File))["spec"]!["versions"]![0].At("schema.openAPIV3Schema.properties.spec")!.AsObject();

    [Fact]
    public void The_definition_is_made_of_the_keys_of_a_spec()
        => Checkout.IsGenerated(TrainingJobDefinition.File, TrainingJobDefinition.Text());

    [Fact]
    public void The_definition_is_one_that_Kubernetes_takes()
        => Assert.Equal("", Packages.Ask("validate.mjs", new JsonArray(new JsonObject { ["name"] = "trainingjobs", ["manifest"] = Yaml.Document(Checkout.Read(TrainingJobDefinition.File)) })).Trim());

    [Fact]
    public void What_is_written_reads_back_as_it_was()
        => Assert.True(JsonNode.DeepEquals(JsonNode.Parse(TrainingJobDefinition.Definition().ToJsonString()), Yaml.Document(Checkout.Read(TrainingJobDefinition.File))));

    [Fact]
    public void Its_spec_has_every_key_of_a_job_s_but_the_name_and_suspend_besides()
    {
        static IEnumerable<string> Leaves(JsonObject schema, string under) => schema["properties"]!.AsObject()
            .SelectMany(pair => pair.Value!["properties"] is null ? [under + pair.Key] : Leaves(pair.Value.AsObject(), $"{under}{pair.Key}."));

        Assert.Equal(SpecKeys.All.Select(key => key.Path).Where(path => path != "name").Append("suspend").Order(), Leaves(spec, "").Order());
    }

    [Fact]
    public void A_spec_that_follows_the_rules_is_taken_and_one_out_of_its_ranges_is_not()
    {
        var schema = JsonSchema.FromText(AsJsonSchema(spec).ToJsonString());
        bool Takes(JsonNode self) => schema.Evaluate(JsonSerializer.SerializeToElement(self)).IsValid;
        AnySpec.Valid.Sample(job => Assert.True(Takes(SelfOf(job)), SelfOf(job).ToJsonString()), iter: 200);

        foreach (var key in SpecKeys.All.Where(key => key.Kind is SpecKind.Whole or SpecKind.Number && key.Range != default))
        {
            var self = SelfOf(AnySpec.Valid.Single());
            var group = key.Group.Length == 0 ? self : self[key.Group]!.AsObject();
            group[key.Name] = key.Range.AtLeast is { } least ? least - 1 : key.Range.Above;
            Assert.False(Takes(self), $"{key.Path}: {group[key.Name]}");
        }
    }

    [Fact]
    public void The_API_server_s_rules_judge_as_the_program_s_own_do()
    {
        var jobs = Bent.Array[400].Single();

        var broken = Judge([.. jobs.Select(job => (SelfOf(job), (JsonObject?)null))]);

        Assert.All(jobs.Zip(broken), pair =>
        {
            var own = SpecRules.Check(pair.First).Select(problem => problem.Place).Select(place => place.StartsWith("training.", StringComparison.Ordinal) ? place["training.".Length..] : place);
            Assert.Equal(own.Order(), pair.Second.Select(message => message.Split(':')[0]).Order());
        });
        Assert.InRange(broken.Count(messages => messages.Count > 0), 50, 390);
    }

    [Fact]
    public void Only_workers_and_suspend_may_change()
    {
        var one = SelfOf(new JobSpec { Model = new() { Path = "/models/a" }, Data = new() { Path = "/data/a.json" }, Training = new() { Seed = 1 } });
        one.Remove("evaluation");
        JsonObject Changed(Action<JsonObject> change)
        {
            var other = one.DeepClone().AsObject();
            change(other);
            return other;
        }

        var broken = Judge(
        [
            (Changed(_ => { }), one),
            (Changed(self => (self["workers"], self["suspend"]) = (7, true)), one),
            (Changed(self => self["training"]!["seed"] = 2), one),
            (Changed(self => self["evaluation"] = new JsonObject { ["everySteps"] = 5 }), one),
            (Changed(self => self.Remove("training")), one),
            (Changed(self => self["model"]!["path"] = "/models/b"), one),
        ]);

        Assert.Equal(["", "", "training", "evaluation", "training", "model"], broken.Select(messages => string.Join(",", messages.Select(message => message.Split(':')[0]))));
    }

    [Theory]
    [InlineData("/models/llama-7b", true)]
    [InlineData("models/..hidden/a..b", true)]
    [InlineData("/models/../etc", false)]
    [InlineData("..", false)]
    public void A_path_leads_nowhere_up(string path, bool taken)
        => Assert.Equal(taken, Judge([(SelfOf(new JobSpec { Model = new() { Path = path }, Data = new() { Path = "/data/a.json" } }), null)])[0].Count == 0);

    // Specs that are right by each key, and often wrong by two of them.
    static Gen<JobSpec> Bent { get; } =
        from job in AnySpec.Valid
        from micro in Gen.Int[1, 600]
        from lowest in Gen.Double[0, 1]
        from warmup in Gen.Double[0, 60]
        from steps in Gen.Int[0, 1]
        from validation in Gen.Int[0, 3]
        from asked in Gen.Int[0, 4]
        from bend in Gen.Int[0, 63]
        let training = job.Training
        let bent = training with
        {
            MicroBatchSize = (bend & 1) > 0 ? micro : training.MicroBatchSize,
            MinLearningRate = (bend & 2) > 0 ? lowest : training.MinLearningRate,
            WarmupEpochs = (bend & 4) > 0 ? warmup : training.WarmupEpochs,
            WarmupSteps = (bend & 8) > 0 ? steps : training.WarmupSteps,
        }
        select job with
        {
            Training = bent,
            Data = (bend & 16) > 0 ? job.Data with { Validation = validation } : job.Data,
            Evaluation = (bend & 32) > 0 ? job.Evaluation with { ExactMatch = asked } : job.Evaluation,
        };

    static List<List<string>> Judge(IReadOnlyList<(JsonObject Self, JsonObject? OldSelf)> cases)
    {
        var question = new JsonObject
        {
            ["schema"] = spec.DeepClone(),
            ["cases"] = new JsonArray([.. cases.Select(item => new JsonObject { ["self"] = item.Self.DeepClone(), ["oldSelf"] = item.OldSelf?.DeepClone() })]),
        };
        return JsonSerializer.Deserialize<List<List<string>>>(Packages.Ask("cel.mjs", question))!;
    }

    // A job's spec as a TrainingJob has it.
    static JsonObject SelfOf(JobSpec job)
    {
        var self = JsonSerializer.SerializeToNode(job, CanonicalJson.Options)!.AsObject();
        self.Remove("name");
        self["training"]!["seed"] = job.Training.Seed % 1000;       // JavaScript would round a longer one
        return self;
    }

    /// <summary>A schema of the API server as JSON Schema has it, which refuses unknown keys as the server does when it is asked to be strict.</summary>
    internal static JsonObject AsJsonSchema(JsonObject structural)
    {
        var schema = new JsonObject();
        foreach (var (name, value) in structural)
            if (name is "exclusiveMinimum" or "exclusiveMaximum")
                schema[name] = structural[name == "exclusiveMinimum" ? "minimum" : "maximum"]!.DeepClone();
            else if (name == "properties")
            {
                schema[name] = new JsonObject(value!.AsObject().Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)AsJsonSchema(pair.Value!.AsObject()))));
                schema["additionalProperties"] = false;
            }
            else if (name == "items")
                schema[name] = AsJsonSchema(value!.AsObject());
            else if (!name.StartsWith("x-", StringComparison.Ordinal) && name != "format")
                schema[name] = value!.DeepClone();
        return schema;
    }
}
