using System.CommandLine;

namespace Orchestrator.Cli.Commands;

/// <summary><c>demo</c>: what <c>train</c> does without a spec; with <c>--chaos</c>, whether anything can change its bytes.</summary>
sealed class DemoCommand : Verb<DemoRequest>
{
    readonly Option<bool> chaos = new("--chaos") { Description = "Do it again with other numbers of workers, one of them killed in the middle, and compare the digests." };
    readonly Option<int?> workers = new("--workers", "-w") { HelpName = "N", Description = "How many compute." };
    readonly Option<string?> output = new("--output", "-o") { HelpName = "DIR", Description = "The run's folder; runs/demo by default." };

    public DemoCommand() : base("demo", "Train on a bundled invented world and show what the adapter brings out: two minutes, nothing needed.")
    {
        Add(chaos);
        Add(workers);
        Add(output);
        Add(Json);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator demo", "orchestrator demo --chaos"];

    /// <inheritdoc/>
    public override DemoRequest Read(ParseResult parsed) => new(parsed.GetValue(workers), parsed.GetValue(output), parsed.GetValue(chaos));

    /// <inheritdoc/>
    protected override int Run(DemoRequest request, Output output, CancellationToken stop) => LocalTraining.Demonstrate(request, output, stop);
}
