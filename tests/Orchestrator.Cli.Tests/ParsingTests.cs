using System.CommandLine;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;
using Orchestrator.Cli.Commands;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Cli.Tests;

public class ParsingTests
{
    [Fact]
    public void Train_reads_a_spec_with_overrides_the_number_of_workers_last()
    {
        var asked = Read<TrainCommand, TrainArguments>("train job.yaml --set training.epochs=3 --workers 5 --set workers=2 --output out --resume");
        Assert.Equal(("job.yaml", 5, "out", true), (asked.SpecFile, asked.Workers, asked.Folder, asked.Resume));
        Assert.Equal(["training.epochs=3", "workers=2", "workers=5"], asked.Overrides.Select(key => $"{key.Path}={key.Value}"));
    }

    [Fact]
    public void Train_takes_a_model_and_data_instead_of_a_spec()
    {
        var asked = Read<TrainCommand, TrainArguments>("train --model /m --data d.json");
        Assert.Null(asked.SpecFile);
        Assert.Equal(["model.path=\"/m\"", "data.path=\"d.json\""], asked.Overrides.Select(key => $"{key.Path}={key.Value}"));
    }

    [Fact]
    public void Demo_validate_and_verify_read_what_they_need()
    {
        Assert.Equal(new DemoRequest(3, "out", true), Read<DemoCommand, DemoRequest>("demo --chaos -w 3 -o out"));
        Assert.Equal("job.yaml", Read<ValidateCommand, ValidateRequest>("validate job.yaml").SpecFile);
        Assert.Equal(new VerifyRequest("/runs/a", 7), Read<VerifyCommand, VerifyRequest>("verify /runs/a --step 7"));
        Assert.Equal("zsh", Read<CompletionCommand, string>("completion zsh"));
    }

    [Fact]
    public void New_fills_in_what_was_said()
    {
        var spec = Read<NewCommand, JobSpec>("new --name tiny --model /m --data d.json");
        Assert.Equal(("tiny", "/m", "d.json"), (spec.Name, spec.Model.Path, spec.Data.Path));
    }

    [Fact]
    public void Generate_puts_an_instruction_into_the_template_and_a_prompt_nowhere()
    {
        var asked = Read<GenerateCommand, GenerateRequest>("generate --model /m --adapter a --instruction Hi --input There --max-new-tokens 9 --temperature 0.5 --top-p 0.9 --seed 3 --precision bf16 --device cpu");
        Assert.Equal(new ModelRequest("/m", "a", null, Precision.Bf16, DeviceKind.Cpu, null), asked.Model);
        Assert.EndsWith("### Instruction:\nHi\n\n### Input:\nThere\n\n### Response:", asked.Text, StringComparison.Ordinal);
        Assert.Equal((9, 0.5, 0.9, 3L), (asked.Sampling.MaxNewTokens, asked.Sampling.Temperature, asked.Sampling.TopP, asked.Sampling.Seed));
        Assert.Equal("Once", Read<GenerateCommand, GenerateRequest>("generate -m /m -p Once").Text);
    }

    [Fact]
    public void Chat_evaluate_inspect_and_export_read_what_they_need()
    {
        Assert.Equal(512, Read<ChatCommand, ChatRequest>("chat --model /m --context 512").Sampling.Context);
        var evaluate = Read<EvaluateCommand, EvaluateRequest>("evaluate --model /m --data d --exact-match 5");
        Assert.Equal(("d", 5, 64, 512), (evaluate.Data, evaluate.ExactMatch, evaluate.MaxNewTokens, evaluate.MaxSequenceLength));
        Assert.Equal(new InspectRequest("d.json", "/m", null, (2, 5), 512), Read<InspectCommand, InspectRequest>("inspect d.json --model /m --records 2..5"));
        Assert.Equal((4, 4), Read<InspectCommand, InspectRequest>("inspect d.json --records 4").Records);
        Assert.Equal(new ExportRequest("run", "upstream", "a.pth", UpstreamGates.Raw, "", null), Read<ExportCommand, ExportRequest>("export run --format upstream --output a.pth --gates raw"));
    }

    [Fact]
    public void Verbs_of_a_cluster_read_what_they_need_and_where_it_is()
    {
        var submit = Read<SubmitCommand, ToCluster<SubmitArguments>>("submit job.yaml --set training.epochs=3 -w 2 --wait --no-upload --server http://a:1 -n lab");
        Assert.Equal(("http://a:1", "lab", "job.yaml", true, false), (submit.Server, submit.Space, submit.What.SpecFile, submit.What.Waits, submit.What.Upload));
        Assert.Equal(["training.epochs=3", "workers=2"], submit.What.Overrides.Select(key => $"{key.Path}={key.Value}"));
        Assert.Equal(new ScaleArguments("alpaca", 5), Read<ScaleCommand, ToCluster<ScaleArguments>>("scale alpaca --workers 5").What);
        Assert.Equal(new WatchArguments("alpaca", 7), Read<WatchCommand, ToCluster<WatchArguments>>("watch alpaca --after 7").What);
        Assert.Equal(new LogsArguments("alpaca", true, 0), Read<LogsCommand, ToCluster<LogsArguments>>("logs alpaca -f").What);
        Assert.Equal(new DownloadArguments("alpaca", "out"), Read<DownloadCommand, ToCluster<DownloadArguments>>("download alpaca -o out").What);
        Assert.Equal([Phase.Running, Phase.Queued], Read<ListCommand, ToCluster<ListArguments>>("list --state running --state queued").What.States);
        Assert.Equal("gpu-3", Read<DrainCommand, ToCluster<string>>("drain gpu-3").What);
        Assert.Equal("alpaca", Read<GetCommand, ToCluster<string>>("get alpaca --json").What);
        Assert.Equal(new ContextSetting("lab", new ClusterContext("http://a:1", null)), Read<ContextSetCommand, ContextSetting>("context set lab --server http://a:1"));
    }

    [Fact]
    public void The_command_line_wins_over_the_environment_and_that_over_the_saved_context()
    {
        var saved = new Contexts(null, new Dictionary<string, ClusterContext>()).With("lab", new ClusterContext("http://a:1,http://b:2", "team")).With("other", new ClusterContext("http://c:3", null));
        Assert.Equal("lab", saved.Current);
        Assert.Equal(("http://a:1/ http://b:2/", "team"), Meant(saved, null, null, null));
        Assert.Equal(("http://c:3/", "default"), Meant(saved.Using("other"), null, null, null));
        Assert.Equal(("http://d:4/", "default"), Meant(saved, null, null, "http://d:4"));
        Assert.Equal(("http://e:5/", "mine"), Meant(saved, "http://e:5", "mine", "http://d:4"));
        Assert.Equal((Contexts.DefaultServer + "/", "default"), Meant(new Contexts(null, new Dictionary<string, ClusterContext>()), null, null, ""));
        Assert.Throws<ProblemException>(() => saved.Using("third"));
        Assert.Throws<ProblemException>(() => saved.Meant("localhost:8081", null, null));

        static (string, string) Meant(Contexts contexts, string? server, string? space, string? environment)
            => contexts.Meant(server, space, environment) is var (servers, meant) ? (string.Join(' ', servers), meant) : default;
    }

    [Theory]
    [InlineData("scale alpaca")]
    [InlineData("scale alpaca --workers 0")]
    [InlineData("scale --workers 2")]
    [InlineData("submit")]
    [InlineData("submit job.yaml --wiat")]
    [InlineData("list --state lost")]
    [InlineData("watch alpaca --after -1")]
    [InlineData("get")]
    [InlineData("context set lab")]
    [InlineData("context use")]
    [InlineData("train a b")]
    [InlineData("train --workers many")]
    [InlineData("train --no-such-option")]
    [InlineData("validate")]
    [InlineData("verify /runs/a --step 0")]
    [InlineData("generate --instruction Hi")]
    [InlineData("generate --model /m")]
    [InlineData("generate --model /m --instruction a --prompt b")]
    [InlineData("generate --model /m --prompt a --input b")]
    [InlineData("generate --model /m --prompt a --temperature -1")]
    [InlineData("generate --model /m --prompt a --top-p 0")]
    [InlineData("generate --model /m --prompt a --top-p 1.5")]
    [InlineData("inspect d.json --records 5..2")]
    [InlineData("inspect d.json --records x")]
    [InlineData("export run --format gguf --output a")]
    [InlineData("export run --format peft")]
    [InlineData("completion tcsh")]
    public void What_makes_no_sense_is_a_parse_error(string line) => Assert.NotEmpty(Program.Tree().Parse(line).Errors);

    [Fact]
    public void Every_verb_of_the_contract_is_there_and_shows_how_it_is_used()
    {
        string[] contract = ["train", "validate", "new", "schema", "generate", "chat", "evaluate", "inspect", "export", "verify", "demo", "serve", "submit", "list", "get", "watch", "logs", "scale", "suspend", "resume", "cancel",
            "delete", "download", "workers", "drain", "cordon", "uncordon", "context"];
        var verbs = Program.Tree().Subcommands;
        Assert.Superset(contract.ToHashSet(), verbs.Select(verb => verb.Name).ToHashSet());
        Assert.All(verbs, verb => Assert.NotEmpty(((IVerb)verb).Examples));
        Assert.All(verbs.SelectMany(verb => verb.Options.Cast<Symbol>().Concat(verb.Arguments)), symbol => Assert.NotEmpty(symbol.Description!));
    }

    [Fact]
    public void Every_example_of_help_parses()
    {
        foreach (var example in Program.Tree().Subcommands.SelectMany(verb => ((IVerb)verb).Examples).Where(example => example.StartsWith("orchestrator ", StringComparison.Ordinal)))
        {
            var line = example.Split(" > ")[0].Split(" | ")[0].Split("   ")[0]["orchestrator ".Length..];
            Assert.Empty(Program.Tree().Parse(line).Errors);
        }
    }

    [Fact]
    public void An_override_without_a_value_is_the_users_mistake()
        => Assert.Throws<ProblemException>(() => Read<TrainCommand, TrainArguments>("train job.yaml --set workers"));

    static TRequest Read<TVerb, TRequest>(string line) where TVerb : Verb<TRequest>
    {
        var parsed = Program.Tree().Parse(line);
        Assert.Empty(parsed.Errors);
        return ((TVerb)parsed.CommandResult.Command).Read(parsed);
    }
}
