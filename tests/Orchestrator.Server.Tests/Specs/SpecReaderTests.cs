using CsCheck;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Tests.Jobs;
using Orchestrator.Server.Specs;

namespace Orchestrator.Server.Tests.Specs;

public class SpecReaderTests
{
    const string Small = "model: { path: /m }\ndata: { path: /d }\n";

    [Fact]
    public void A_spec_of_two_lines_is_enough()
    {
        var spec = Read(Small);
        Assert.Equal(("job", "/m", "/d", 5), (spec.Name, spec.Model.Path, spec.Data.Path, spec.Training.Epochs));
    }

    [Fact]
    public void The_whole_example_of_the_documentation_is_read()
    {
        var spec = Read("""
            name: alpaca-7b
            model:      { path: /models/llama-7b, precision: bf16 }          # fp32 (default on a CPU) | bf16 (default on a GPU) | fp16
            adapter:    { method: llama-adapter, layers: 30, length: 10, gate: perHead, init: null }
            data:       { path: alpaca_data.json, validation: 200, maxSequenceLength: 512, shuffle: true, template: alpaca }
            training:   { epochs: 5, globalBatchSize: 32, microBatchSize: 4, learningRate: 0.009, minLearningRate: 0, warmupEpochs: 2,
                          weightDecay: 0.02, betas: [0.9, 0.95], gradientClip: null, seed: 0 }
            workers: 8
            device:     { kind: cuda }
            checkpoint: { everySteps: 200, keepLast: 3, keepBest: true }
            evaluation: { everySteps: 500, earlyStop: null }
            """);
        Assert.Equal(("alpaca-7b", Precision.Bf16, 30, GateSharing.PerHead), (spec.Name, spec.Model.Precision, spec.Adapter.Layers, spec.Adapter.Gate));
        Assert.Equal((0.009, 2.0, 8, DeviceKind.Cuda), (spec.Training.LearningRate, spec.Training.WarmupEpochs, spec.Workers, spec.Device.Kind));
        Assert.Equal("/work dir/alpaca_data.json", spec.Data.Path);
    }

    [Fact]
    public void Any_spec_written_as_yaml_reads_back_as_itself()
        => Gen.Select(AnySpec.Valid, Gen.Bool).Sample((spec, comments) => Same(spec, Read(SpecYaml.Write(spec, comments))));

    [Fact]
    public void Any_spec_written_as_json_reads_back_as_itself()
        => AnySpec.Valid.Sample(spec => Same(spec, Read(System.Text.Encoding.UTF8.GetString(CanonicalJson.Of(spec)))));

    [Fact]
    public void All_problems_come_at_once_each_with_its_line()
        => Assert.Equal(
            [
                "job.yaml:2 model.precision: 'bfloat16' found, fp32 or bf16 or fp16, or null expected",
                "job.yaml:4 training.epochs: '2h' found, a whole number of epochs, at least 1 and at most 100000 expected; it counts epochs: write the number alone",
                "job.yaml:5 training.learningRte: an unknown key found, a key of training expected; did you mean training.learningRate?",
                "job.yaml:1 model.path: nothing found, the folder of a LLaMA, in Meta's or Hugging Face's layout expected",
                "job.yaml data.path: nothing found, a file of records, in Alpaca's format or as JSON lines expected",
                "job.yaml:7 training.betas[1]: 1 found, a number, at least 0 and below 1 expected",
            ],
            Problems("""
                model:
                  precision: bfloat16
                training:
                  epochs: 2h
                  learningRte: 0.1
                  seed: 3
                  betas: [0.9, 1.0]
                """));

    [Theory]
    [InlineData("epochs: 3", "job.yaml:3 epochs: an unknown key found, a key of a spec expected; did you mean training.epochs?")]
    [InlineData("training: { learning_rate: 1 }", "job.yaml:3 training.learning_rate: an unknown key found, a key of training expected; did you mean training.learningRate?")]
    [InlineData("training: { batchSize: 1 }", "job.yaml:3 training.batchSize: an unknown key found, a key of training expected; did you mean training.globalBatchSize?")]
    [InlineData("trianing: { epochs: 1 }", "job.yaml:3 trianing: an unknown key found, a key of a spec expected; did you mean training?")]
    [InlineData("adapter: { colour: 1 }", "job.yaml:3 adapter.colour: an unknown key found, a key of adapter expected; known are method, layers, length, gate, init")]
    [InlineData("training: 5", "job.yaml:3 training: '5' found, a group of keys: epochs,")]
    [InlineData("workers: [1]", "job.yaml:3 workers: a list found, a whole number of workers, at least 1 and at most 1024 expected")]
    [InlineData("workers: '4'", "write it without quotes")]
    [InlineData("workers: 99999999999", "job.yaml:3 workers: '99999999999' found")]
    [InlineData("workers:", "job.yaml:3 workers: nothing found")]
    [InlineData("training: { betas: 0.9 }", "job.yaml:3 training.betas: '0.9' found, a list of numbers")]
    [InlineData("training: { betas: [0.9, high] }", "job.yaml:3 training.betas[1]: 'high' found, a number expected")]
    [InlineData("training: { learningRate: .nan }", "job.yaml:3 training.learningRate: '.nan' found")]
    [InlineData("data: { shuffle: yes }", "Duplicate key data")]
    [InlineData("checkpoint: { keepBest: yes }", "job.yaml:3 checkpoint.keepBest: 'yes' found, true or false expected")]
    [InlineData("adapter: { gate: PerHead }", "write perHead")]
    [InlineData("workers: 1\nworkers: 2", "job.yaml:4: Duplicate key workers found")]
    [InlineData("name: &a x", "job.yaml:3: an anchor or alias found")]
    [InlineData("adapter: [[[[[[[[[[1]]]]]]]]]]", "job.yaml:3: more than 8 levels found")]
    [InlineData("adapter: {", "job.yaml:4: ")]
    [InlineData("---\nname: second", "job.yaml:4: a second document found, one spec per file expected")]
    public void A_mistake_is_told_where_it_stands(string line, string said) => Assert.Contains(Problems(Small + line + "\n"), problem => problem.Contains(said, StringComparison.Ordinal));

    [Theory]
    [InlineData("")]
    [InlineData("# nothing\n")]
    public void An_empty_spec_lacks_its_paths(string text) => Assert.Equal(2, Problems(text).Length);

    [Theory]
    [InlineData("just text")]
    [InlineData("[1, 2]")]
    public void What_is_no_group_of_keys_is_no_spec(string text) => Assert.Contains("job.yaml:1: no keys found", Assert.Single(Problems(text)), StringComparison.Ordinal);

    [Fact]
    public void Overrides_come_last_and_are_named_in_problems()
    {
        var spec = Read(Small + "workers: 8\n", "workers=2", "training.betas=[0.8, 0.9]", "adapter={ length: 5 }", "name=other");
        Assert.Equal((2, 0.8, 5, "other"), (spec.Workers, spec.Training.Betas[0], spec.Adapter.Length, spec.Name));
        Assert.Equal(
            [
                "--set workrs: an unknown key found, a key of a spec expected; did you mean workers?",
                "--set workers: 0 found, a whole number of workers, at least 1 and at most 1024 expected",
            ],
            Problems(Small, "workrs=3", "workers=0"));
        Assert.Equal(
            "--set training: no value found, path=value expected; for example --set training.epochs=3",
            Assert.Throws<ProblemException>(() => SpecOverride.Parse("training")).Message);
        Assert.StartsWith(
            "--name: 'A B' found",
            Assert.Throws<ProblemException>(() => SpecReader.Parse(Small, "x", "/", [SpecOverride.OfText("name", "A B", "--name")])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_files_name_is_the_jobs_where_the_spec_has_none()
        => Assert.Equal("my-first-job", SpecReader.Parse(Small, "My first Job.yaml", "/").Name);

    [Fact]
    public void Files_that_this_machine_lacks_are_named_with_their_lines()
        => Assert.Equal(
            ["job.yaml:1 model.path", "job.yaml:2 data.path"],
            Assert.Throws<ProblemException>(() => SpecReader.Parse(Small, "job.yaml", "/", also: SpecFiles.Missing)).Problems.Select(problem => problem.Place));

    [Fact]
    public void A_missing_file_is_a_problem()
        => Assert.Contains("nothing found", Assert.Throws<ProblemException>(() => SpecReader.Read("/no/such.yaml")).Message, StringComparison.Ordinal);

    [Fact]
    public void Garbage_of_any_kind_gives_problems_and_nothing_else()
        => Gen.Select(AnySpec.Valid, Gen.Int[0, 4000], Gen.String[0, 6]).Sample((spec, at, text) =>
        {
            var yaml = SpecYaml.Write(spec, comments: false);
            at %= yaml.Length;
            try
            {
                Read(yaml[..at] + text + yaml[Math.Min(yaml.Length, at + text.Length / 2)..]);
            }
            catch (ProblemException)
            {
            }
        }, iter: 3_000);

    static JobSpec Read(string text, params string[] sets) => SpecReader.Parse(text, "job.yaml", "/work dir", [.. sets.Select(SpecOverride.Parse)]);

    static string[] Problems(string text, params string[] sets)
        => [.. Assert.Throws<ProblemException>(() => Read(text, sets)).Problems.Select(problem => problem.ToString())];

    static bool Same(JobSpec a, JobSpec b) => CanonicalJson.Of(a).AsSpan().SequenceEqual(CanonicalJson.Of(b));
}
