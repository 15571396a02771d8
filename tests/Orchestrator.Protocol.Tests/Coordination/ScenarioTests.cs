using System.Globalization;
using System.Text;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Tests.Coordination;

/// <summary>
/// Runs the scripts in <c>Scenarios</c>: blocks of commands, <c>----</c>, and what the coordinator decides. With the environment variable
/// <c>REWRITE_SCENARIOS=1</c> the decisions are written into the scripts, to be read before they are committed.
/// </summary>
public class ScenarioTests
{
    static readonly string folder = Path.Combine(Repository.Root, "tests", "Orchestrator.Protocol.Tests", "Scenarios");

    public static TheoryData<string> Scripts => [.. Directory.EnumerateFiles(folder, "*.txt").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Scripts))]
    public void The_coordinator_decides_as_the_script_says(string script)
    {
        var path = Path.Combine(folder, script);
        var was = File.ReadAllText(path);
        var now = new ScenarioRun().Play(was);
        if (Environment.GetEnvironmentVariable("REWRITE_SCENARIOS") == "1")
            File.WriteAllText(path, now);
        else
            Assert.Equal(was, now);
    }
}

/// <summary>A script that is being played.</summary>
sealed class ScenarioRun
{
    JobPlan plan = null!;
    JobState state = new();
    DateTimeOffset now = DateTimeOffset.UnixEpoch;

    /// <summary>The script with the decisions of today.</summary>
    public string Play(string script)
    {
        var told = new StringBuilder();
        foreach (var block in script.Trim().Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var commands = block.Split("\n----")[0];
            told.Append(commands).Append('\n');
            var decided = new StringBuilder();
            foreach (var command in commands.Split('\n').Where(line => line.Length > 0 && line[0] != '#'))
                Do(command.Split(' ', StringSplitOptions.RemoveEmptyEntries), decided);
            if (decided.Length > 0)
                told.Append("----\n").Append(decided);
            told.Append('\n');
        }
        return told.ToString();
    }

    void Do(string[] words, StringBuilder told)
    {
        if (words[0] == "job")
        {
            plan = PlanOf(words[1..].ToDictionary(word => word.Split('=')[0], word => int.Parse(word.Split('=')[1], CultureInfo.InvariantCulture)));
            return;
        }
        if (words[0] == "wait")
            now += TimeSpan.FromSeconds(int.Parse(words[1], CultureInfo.InvariantCulture));
        var decision = Coordinator.Decide(plan, state, EventOf(words), now);
        if (decision.IsStale)
            told.Append("stale: ").Append(decision.Reason).Append('\n');
        else if (decision.State == state && decision.Orders.Count == 0)
            told.Append("nothing: ").Append(decision.Reason).Append('\n');
        else
            told.Append(CultureInfo.InvariantCulture, $"{decision.State.Phase}, generation {decision.State.Generation}: {decision.Reason}\n");
        state = decision.State;
        foreach (var order in decision.Orders)
            told.Append("  ").Append(Told(order)).Append('\n');
    }

    static string Told(JobOrder order) => order switch
    {
        JobOrder.Evaluate evaluate => $"evaluate step {evaluate.Step}",
        JobOrder.ToWorker(var worker, var what) => $"{worker}: " + what switch
        {
            Protocol.Coordination.Order.Begin begin => $"begin {begin.Generation} from step {begin.Base} ({Told(begin.Source)}) to step {begin.Through}: "
                + $"{Told(begin.First.Of(worker))} first, {Told(begin.Later.Of(worker))} later{(begin.Serves ? ", serves its state" : "")}",
            Protocol.Coordination.Order.Halt halt => $"halt {halt.Generation} ({halt.Wish})",
            Protocol.Coordination.Order.Write write => $"write {write.Generation} step {write.Step}",
            _ => $"{what.GetType().Name.ToLowerInvariant()} {what.Generation}",
        },
        _ => order.ToString(),
    };

    static string Told(WorkerShare share) => $"{{{string.Join(' ', share.Leaves)}}}";

    static string Told(StateSource source) => source switch
    {
        StateSource.Copy copy => $"copy from {copy.From.Process}",
        StateSource.Checkpoint checkpoint => checkpoint.Step == Step.Start ? "start values" : "checkpoint",
        _ => "own",
    };

    static JobEvent EventOf(string[] words) => words[0] switch
    {
        "start" => new JobEvent.Started(words.Length > 1 ? StepOf(words[2]) : Step.Start),
        "offer" => new JobEvent.Offered([.. words[1..].Select(word => new WorkerOffer(Worker(word), new Uri($"http://{Worker(word).Silo}")))]),
        "stood" => new JobEvent.Stood(Worker(words[1]), GenerationOf(words[2]), new Standing(
            words.Length > 4 ? StepOf(words[4]) : null, [.. words.Skip(6).Select(RangeOf)])),
        "lost" => words[1].Contains('/', StringComparison.Ordinal)
            ? new JobEvent.Lost(Worker(words[1]).Silo, Worker(words[1]).Slot, GenerationOf(words[2]), string.Join(' ', words[3..]))
            : new JobEvent.Lost(words[1], null, GenerationOf(words[2]), string.Join(' ', words[3..])),
        "refused" => new JobEvent.Refused(Worker(words[1]), string.Join(' ', words[2..])),
        "committed" => new JobEvent.Committed(Worker(words[1]), GenerationOf(words[2]), StepOf(words[3])),
        "written" => new JobEvent.Written(StepOf(words[1])),
        "write-failed" => new JobEvent.WriteFailed(StepOf(words[1]), string.Join(' ', words[2..])),
        "evaluated" => new JobEvent.Evaluated(StepOf(words[1]), words.Length > 2),
        "diverged" => new JobEvent.Diverged(StepOf(words[1]), string.Join(' ', words[2..])),
        "suspend" => new JobEvent.SuspendRequested(),
        "resume" => new JobEvent.ResumeRequested(),
        "cancel" => new JobEvent.CancelRequested(),
        "wait" => new JobEvent.TimePassed(),
        _ => throw new FormatException($"no command: {string.Join(' ', words)}"),
    };

    static WorkerId Worker(string word) => word.Contains('/', StringComparison.Ordinal) ? WorkerId.Parse(word) : new WorkerId(word, 0);

    static Step StepOf(string word) => new(long.Parse(word, CultureInfo.InvariantCulture));

    static Generation GenerationOf(string word) => new(long.Parse(word.TrimStart('g'), CultureInfo.InvariantCulture));

    static LeafRange RangeOf(string word) => word.Split('-') is [var lo, var hi]
        ? new LeafRange(int.Parse(lo, CultureInfo.InvariantCulture), int.Parse(hi, CultureInfo.InvariantCulture) + 1)
        : LeafRange.Of([int.Parse(word, CultureInfo.InvariantCulture)])[0];

    static JobPlan PlanOf(Dictionary<string, int> sizes)
    {
        var microBatches = sizes["micro-batches"];
        return Plans.Of(
            new TrainingSpec { Epochs = 1, GlobalBatchSize = microBatches, MicroBatchSize = 1 }, microBatches * sizes["steps"],
            validation: sizes.ContainsKey("evaluate") ? 10 : 0,
            checkpoint: new CheckpointSpec { EverySteps = sizes.GetValueOrDefault("checkpoint", 1_000) },
            evaluation: new EvaluationSpec { EverySteps = sizes.GetValueOrDefault("evaluate", 1_000), EarlyStop = sizes.TryGetValue("patience", out var patience) ? patience : null });
    }
}
