using Microsoft.Extensions.Logging;

namespace Orchestrator.Server;

/// <summary>
/// What a silo does that cannot go on as one: mostly, others have declared it dead while it hung, and its grains live elsewhere. The process ends at once, with a line instead of a crash;
/// started again under its name it takes its place again.
/// </summary>
sealed partial class LostMembership(Action<int> exit, ILogger<LostMembership> log) : IFatalErrorHandler
{
    static readonly TimeSpan logged = TimeSpan.FromMilliseconds(200);      // the console writes on a thread of its own

    /// <inheritdoc/>
    public bool IsUnexpected(Exception exception) => exception is not (ThreadAbortException or OperationCanceledException);

    /// <inheritdoc/>
    public void OnFatalException(object? sender, string? context, Exception? exception)
    {
        LogLost(context ?? exception?.Message ?? "no reason was given", exception);
        Thread.Sleep(logged);
        exit(1);
    }

    [LoggerMessage(EventName = "MembershipLost", Level = LogLevel.Critical, Message = "this server is no member of its cluster any more, and ends: {Reason}")]
    partial void LogLost(string reason, Exception? exception);
}
