namespace Orchestrator.Cli;

/// <summary>What the command's exit code says: the whole table.</summary>
static class ExitCodes
{
    /// <summary>It did what was asked.</summary>
    public const int Done = 0;

    /// <summary>It failed, and not by the user's mistake.</summary>
    public const int Failed = 1;

    /// <summary>The user's mistake: an option, a spec or a file that cannot be used.</summary>
    public const int Mistake = 2;

    /// <summary>Ctrl-C or SIGTERM; what was committed is kept.</summary>
    public const int Interrupted = 130;
}
