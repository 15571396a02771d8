using System.Runtime.InteropServices;

namespace Orchestrator.Cli;

/// <summary>Ctrl-C and SIGTERM: the first asks the work to come to a good end, the second stops at once.</summary>
sealed partial class Interruption : IDisposable
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
            StopAtOnce(ExitCodes.Interrupted);
        output.Interrupted();
        source.Cancel();
    }

    /// <summary>Ends the process without its farewells: they would free what the workers' threads still compute with, and end in a crash instead of a code.</summary>
    public static void StopAtOnce(int code)
    {
        if (!OperatingSystem.IsWindows())
            ExitNow(code);
        Environment.Exit(code);
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitNow(int code);

    /// <inheritdoc/>
    public void Dispose()
    {
        registrations.ForEach(registration => registration.Dispose());
        source.Dispose();
    }
}
