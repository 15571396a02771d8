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
        JobOrder.GoBack back => $"go back to step {back.Step}",
        JobOrder.Inspect inspect => $"inspect the checkpoint of step {inspect.Checkpoint}, which {inspect.Worker} finds damaged",
        JobOrder.Quarantine quarantine => $"quarantine {quarantine.Worker}",
        JobOrder.ToWorker(var worker, var what) => $"{worker}: " + what switch
        {
            Protocol.Coordination.Order.Begin begin => $"begin {begin.Generation} from step {begin.Base} ({Told(begin.Source)}) to step {begin.Through}: "
                + $"{Told(begin.First.Of(worker))} first, {Told(begin.Later.Of(worker))} later{(begin.Serves ? ", serves its state" : "")}",
            Protocol.Coordination.Order.Halt halt => $"halt {halt.Generation} ({halt.Wish})",
            Protocol.Coordination.Order.Recompute again => $"recompute {again.Generation} step {again.Step} micro-batch {again.MicroBatch}",
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

    // What has no generation in the script is of the present one.
    JobEvent EventOf(string[] words) => words[0] switch
    {
        "start" => new JobEvent.Started(words.Length > 1 ? StepOf(words[2]) : Step.Start, state.WaysBack.Count),
        "offer" => new JobEvent.Offered([.. words[1..].Select(word => new WorkerOffer(Worker(word), new Uri($"http://{Worker(word).Silo}")))]),
        "stood" => new JobEvent.Stood(Worker(words[1]), GenerationOf(words[2]), StandingOf(words[3..])),
        "lost" => words[1].Contains('/', StringComparison.Ordinal)
            ? new JobEvent.Lost(Worker(words[1]).Silo, Worker(words[1]).Slot, GenerationOf(words[2]), string.Join(' ', words[3..]))
            : new JobEvent.Lost(words[1], null, GenerationOf(words[2]), string.Join(' ', words[3..])),
        "refused" => new JobEvent.Refused(Worker(words[1]), GenerationIn(ref words), string.Join(' ', words[2..])),
        "damaged" => new JobEvent.Damaged(Worker(words[1]), GenerationIn(ref words), StepOf(words[2]), string.Join(' ', words[3..])),
        "paced" => new JobEvent.Paced(Worker(words[1]), GenerationIn(ref words), double.Parse(words[2], CultureInfo.InvariantCulture)),
        "audited" => AuditedOf(words),
        "pardoned" => new JobEvent.Pardoned(Worker(words[1])),
        "committed" => new JobEvent.Committed(Worker(words[1]), GenerationOf(words[2]), StepOf(words[3])),
        "written" => new JobEvent.Written(StepOf(words[1]), GenerationIn(ref words)),
        "write-failed" => new JobEvent.WriteFailed(StepOf(words[1]), GenerationIn(ref words), string.Join(' ', words[2..])),
        "contradicted" => new JobEvent.Contradicted(StepOf(words[1]), GenerationIn(ref words), string.Join(' ', words[2..])),
        "evaluated" => new JobEvent.Evaluated(StepOf(words[1]), words.Length > 2, state.Since),
        "diverged" => new JobEvent.Diverged(StepOf(words[1]), string.Join(' ', words[2..])),
        "suspend" => new JobEvent.SuspendRequested(),
        "resume" => new JobEvent.ResumeRequested(),
        "cancel" => new JobEvent.CancelRequested(),
        "wait" => new JobEvent.TimePassed(),
        _ => throw new FormatException($"no command: {string.Join(' ', words)}"),
    };

    Generation GenerationIn(ref string[] words)
    {
        if (words.Length < 3 || words[2] is not ['g', >= '0' and <= '9', ..])
            return state.Generation;
        var generation = GenerationOf(words[2]);
        words = [.. words[..2], .. words[3..]];
        return generation;
    }

    // stood w1 g2 at 7 holds 0-1 hedged 4 in g2
    static Standing StandingOf(string[] words)
    {
        var standing = new Standing(null, []);
        for (var i = 0; i < words.Length;)
        {
            var (word, end) = (words[i], Array.FindIndex(words, i + 1, next => next is "at" or "holds" or "hedged" or "in"));
            var values = words[(i + 1)..(end < 0 ? words.Length : end)];
            standing = word switch
            {
                "at" => standing with { Committed = StepOf(values[0]) },
                "holds" => standing with { Held = [.. values.Select(RangeOf)] },
                "hedged" => standing with { Hedged = [.. values.Select(RangeOf)] },
                _ => standing with { In = GenerationOf(values[0]) },
            };
            i = end < 0 ? words.Length : end;
        }
        return standing;
    }

    // audited w1 g2 step 7 0=aa 1=bb w2:2=cc
    JobEvent.Audited AuditedOf(string[] words)
    {
        var worker = Worker(words[1]);
        return new JobEvent.Audited(worker, GenerationIn(ref words), StepOf(words[3]), [.. words[4..].Select(word => word.Split('=')).Select(pair => new LeafDigest(
            int.Parse(pair[0].Split(':')[^1], CultureInfo.InvariantCulture), pair[0].Contains(':', StringComparison.Ordinal) ? Worker(pair[0].Split(':')[0]) : worker, pair[1] == "?" ? null : pair[1]))]);
    }

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
            audits: sizes.TryGetValue("audits", out var percent) ? percent / 100.0 : null,
            evaluation: new EvaluationSpec { EverySteps = sizes.GetValueOrDefault("evaluate", 1_000), EarlyStop = sizes.TryGetValue("patience", out var patience) ? patience : null });
    }
}
