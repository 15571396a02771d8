using System.Diagnostics;
using System.Globalization;
using Orchestrator.Simulation;

// simulation [--schedules N] [--first SEED] [--mutant NAME]   runs N schedules and says what the first violation was
// simulation --seed SEED [--mutant NAME]                      runs one, and tells everything that happens
var options = new Dictionary<string, string>();
for (var i = 0; i + 1 < args.Length; i += 2)
    options[args[i]] = args[i + 1];
var mutant = options.TryGetValue("--mutant", out var name) ? Enum.Parse<Mutant>(name, ignoreCase: true) : Mutant.None;

if (options.TryGetValue("--seed", out var one))
{
    var trace = new List<string>();
    var outcome = Simulation.Run(Number(one), mutant, trace);
    Console.WriteLine(outcome.Schedule);
    trace.ForEach(Console.WriteLine);
    Console.WriteLine(outcome.Violation is { } seen ? $"VIOLATION {seen}" : $"completed after {outcome.Seconds:0.0} s, {outcome.Commits} commits, {outcome.Generations} generations");
    return outcome.Violation is null ? 0 : 1;
}

var first = options.TryGetValue("--first", out var from) ? Number(from) : 1;
var schedules = options.TryGetValue("--schedules", out var count) ? Number(count) : 1_000;
var watch = Stopwatch.StartNew();
long commits = 0, generations = 0, violations = 0;
for (var seed = first; seed < first + schedules; seed++)
{
    var outcome = Simulation.Run(seed, mutant);
    commits += outcome.Commits;
    generations += outcome.Generations;
    if (outcome.Violation is not { } seen)
        continue;
    Console.WriteLine($"{outcome.Schedule}{Environment.NewLine}  VIOLATION {seen}{Environment.NewLine}  again: dotnet run --project tests/Orchestrator.Simulation -- --seed {seed}");
    if (++violations == 5)
        break;
}
Console.WriteLine($"{schedules} schedules, {commits} commits, {generations} generations, {violations} violations in {watch.Elapsed.TotalSeconds:0.0} s");
return violations == 0 ? 0 : 1;

static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
