using System.CommandLine;

namespace Orchestrator.Cli.Commands;

/// <summary><c>verify</c>: whether a run's ledger, and a step computed again, are what they say.</summary>
sealed class VerifyCommand : Verb<VerifyRequest>
{
    readonly Argument<string> run = new("RUN") { Description = "The run's folder." };
    readonly Option<long?> step = new("--step") { HelpName = "N", Description = "Compute step N again and compare; without it, check the ledger's whole chain." };

    public VerifyCommand() : base("verify", "Check a run's ledger, or compute one of its steps again and compare.")
    {
        Add(run);
        Add(step);
        Add(Json);
        step.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<long?>() < 1)
                result.AddError("--step counts from 1.");
        });
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator verify runs/alpaca-7b", "orchestrator verify runs/alpaca-7b --step 1200"];

    /// <inheritdoc/>
    public override VerifyRequest Read(ParseResult parsed) => new(Path.GetFullPath(parsed.GetRequiredValue(run)), parsed.GetValue(step));

    /// <inheritdoc/>
    protected override int Run(VerifyRequest request, Output output, CancellationToken stop)
    {
        VerifyResult result;
        using (var view = new ProgressView(output, TimeProvider.System))
            result = LocalTraining.Verify(request, view, stop);
        if (output.IsJson)
            output.JsonLine(result);
        else if (result.Equal)
            output.Line(request.Step is { } step ? $"step {step}: equal" : $"{result.Steps} steps: equal, the chain is whole");
        else
            output.Error(result.Parts ?? "not equal");
        return result.Equal ? ExitCodes.Done : ExitCodes.Failed;
    }
}
