using System.Text;
using System.Text.Json;
using CsCheck;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Tests.Jobs;

public class CanonicalJsonTests
{
    static readonly JobSpec small = new() { Name = "tiny", Model = new() { Path = "/m" }, Data = new() { Path = "/d" } };

    [Fact]
    public void What_is_written_reads_back_to_the_same_bytes()
        => AnySpec.Valid.Sample(spec => CanonicalJson.Of(CanonicalJson.Read(CanonicalJson.Of(spec))).AsSpan().SequenceEqual(CanonicalJson.Of(spec)));

    [Fact]
    public void The_bytes_of_a_spec_never_change()
        => Assert.Equal(
            """
            {"adapter":{"gate":"perHead","length":10,"method":"llama-adapter"},
            "checkpoint":{"everySteps":200,"keepBest":true,"keepLast":3},
            "data":{"maxSequenceLength":512,"path":"/d","shuffle":true,"template":"alpaca"},
            "device":{"threads":1},
            "evaluation":{"everySteps":500,"exactMatch":0,"maxNewTokens":64},
            "model":{"path":"/m"},
            "name":"tiny",
            "training":{"betas":[0.9,0.95],"epochs":5,"epsilon":1E-08,"globalBatchSize":32,"microBatchSize":4,"minLearningRate":0,
            "schedule":"cosine","seed":0,"warmupSteps":0,"weightDecay":0.02},
            "workers":1}
            """.ReplaceLineEndings(""),
            Encoding.UTF8.GetString(CanonicalJson.Of(small)));

    [Fact]
    public void The_order_and_form_in_which_keys_are_written_do_not_matter()
    {
        var other = """{ "workers": 1, "name": "tiny", "data": { "path": "/d" }, "training": { "weightDecay": 2e-2, "minLearningRate": -0.0 }, "model": { "path": "/m", "precision": null } }""";
        Assert.Equal(CanonicalJson.Digest(small), CanonicalJson.Digest(CanonicalJson.Read(Encoding.UTF8.GetBytes(other))));
    }

    [Fact]
    public void Names_of_all_scripts_stand_as_they_are_in_utf8()
        => Assert.Contains("/données/Ω", Encoding.UTF8.GetString(CanonicalJson.Of(small with { Data = small.Data with { Path = "/données/Ω" } })), StringComparison.Ordinal);

    [Fact]
    public void What_never_changes_the_result_never_changes_what_defines_it()
        => AnySpec.Valid.Sample(spec => CanonicalJson.Digest(CanonicalJson.ResultDefining(spec)) == CanonicalJson.Digest(CanonicalJson.ResultDefining(spec with
        {
            Name = "other",
            Workers = spec.Workers % 1024 + 1,
            Model = spec.Model with { Path = "/elsewhere" },
            Data = spec.Data with { Path = "/elsewhere" },
            Checkpoint = new CheckpointSpec { EverySteps = 1 },
            Evaluation = spec.Evaluation with { ExactMatch = 17, EverySteps = spec.Evaluation.EarlyStop is null ? 7 : spec.Evaluation.EverySteps },
        })));

    [Fact]
    public void What_changes_the_result_changes_what_defines_it()
    {
        string[] digests =
        [
            Digest(small),
            Digest(small with { Training = small.Training with { Seed = 1 } }),
            Digest(small with { Device = small.Device with { Threads = 2 } }),
            Digest(small with { Device = small.Device with { Kernels = KernelKind.Reference } }),
            Digest(small with { Device = small.Device with { Kernels = KernelKind.Fast } }),
            Digest(small with { Data = small.Data with { Validation = 5 } }),
            Digest(small with { Evaluation = small.Evaluation with { EarlyStop = 2 } }),
            Digest(small with { Evaluation = small.Evaluation with { EarlyStop = 2, EverySteps = 9 } }),
        ];
        Assert.Distinct(digests);

        static string Digest(JobSpec spec) => CanonicalJson.Digest(CanonicalJson.ResultDefining(spec));
    }

    [Theory]
    [InlineData("""{"epochs":3}""")]
    [InlineData("""{"workers":"3"}""")]
    [InlineData("""{"adapter":{"gate":1}}""")]
    [InlineData("null")]
    [InlineData("")]
    public void What_is_no_spec_is_refused(string json) => Assert.Throws<JsonException>(() => CanonicalJson.Read(Encoding.UTF8.GetBytes(json)));
}
