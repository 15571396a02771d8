using System.Runtime.InteropServices;

namespace Orchestrator.Cli;

/// <summary>Ctrl-C and SIGTERM: the first asks the work to come to a good end, the second stops at once.</summary>
sealed class Interruption : IDisposable
{
    readonly CancellationTokenSource source = new();
    readonly List<PosixSignalRegistration> registrations = [];
    readonly Output output;
    int signals;

    /// <param name="output">where the user is told</param>
    public Interruption(Output output)
    {
        this.output = output;
        foreach (var signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM })
            registrations.Add(PosixSignalRegistration.Create(signal, Handle));
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => source.Token;

    void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref signals) > 1)
            Environment.Exit(ExitCodes.Interrupted);
        output.Interrupted();
        source.Cancel();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        registrations.ForEach(registration => registration.Dispose());
        source.Dispose();
    }
}
