using System.Net.Sockets;
using Google.Rpc;
using Grpc.Core;

namespace Orchestrator.Cli.Cluster;

/// <summary>The cluster says no, and why: the user's to mend.</summary>
/// <param name="lines">all that is wrong, a line each</param>
sealed class RefusedException(IReadOnlyList<string> lines) : Exception(string.Join(Environment.NewLine, lines))
{
    /// <summary>All that is wrong.</summary>
    public IReadOnlyList<string> Lines { get; } = lines;
}

/// <summary>No server answered, or none could do what was asked just now.</summary>
sealed class NoAnswerException(string message) : Exception(message);

/// <summary>What an answer that is none means for whoever asked.</summary>
static class Answers
{
    /// <summary>Whether another server, or the same one later, may do better.</summary>
    public static bool IsPassing(RpcException e) => e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Aborted || IsBroken(e);

    /// <summary>Whether the server did not say so itself: it could not be reached, or its connection broke.</summary>
    public static bool IsBroken(RpcException e) => e.Status.DebugException is HttpRequestException or IOException or SocketException;

    /// <summary>Why, in a few words.</summary>
    public static string Reason(RpcException e) => e switch
    {
        { Status.DebugException: HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError } http } => Innermost(http),
        { Status.DebugException: HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.HttpProtocolError or HttpRequestError.ResponseEnded or HttpRequestError.VersionNegotiationError } }
            => "no gRPC is spoken there; serve has it one port above its first",
        { Status.DebugException: HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } http } => $"no TLS that this command trusts: {Innermost(http)} ({Identity.AuthorityVariable} names the authority of its certificate)",
        { Status.DebugException: SocketException refused } => refused.Message,
        { StatusCode: StatusCode.DeadlineExceeded } => "no answer in time",
        _ when IsBroken(e) => "the connection broke",
        _ => e.Status.Detail,
    };

    /// <summary>A refusal of the cluster's as an exception of ours.</summary>
    public static Exception Refusal(RpcException e) => e.StatusCode switch
    {
        StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.AlreadyExists or StatusCode.FailedPrecondition or StatusCode.OutOfRange => new RefusedException(Lines(e)),
        StatusCode.Unauthenticated => new RefusedException([$"{e.Status.Detail} ({Identity.TokenVariable} holds yours)"]),
        StatusCode.PermissionDenied => new RefusedException([e.Status.Detail]),
        StatusCode.Unimplemented => new NoAnswerException("the server does not know this call: it is older than this command, or no server of ours"),
        _ => new NoAnswerException($"{e.StatusCode}: {e.Status.Detail}"),
    };

    static string[] Lines(RpcException e)
    {
        var violations = e.GetRpcStatus()?.GetDetail<BadRequest>()?.FieldViolations;
        return violations is { Count: > 0 } ? [.. violations.Select(one => $"{one.Field}: {one.Description}")] : e.Status.Detail.Split('\n');
    }

    static string Innermost(Exception e)
    {
        while (e.InnerException is { } inner)
            e = inner;
        return e.Message;
    }
}
