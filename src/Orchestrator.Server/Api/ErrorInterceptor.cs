using System.Data.Common;
using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;
using Orchestrator.Grains;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Api;

/// <summary>Makes an answer of what went wrong in a call: never a stack trace, always something to do.</summary>
sealed partial class ErrorInterceptor(ILogger<ErrorInterceptor> log) : Interceptor
{
    /// <inheritdoc/>
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        => Guarded(() => continuation(request, context), context);

    /// <inheritdoc/>
    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
        => Guarded(() => continuation(requestStream, context), context);

    /// <inheritdoc/>
    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
        => Guarded(
            async () =>
            {
                await continuation(request, responseStream, context);
                return 0;
            },
            context);

    async Task<T> Guarded<T>(Func<Task<T>> call, ServerCallContext context)
    {
        UnreadableCalls.Reached(context);
        try
        {
            return await call();
        }
        catch (RpcException e)
        {
            throw UnreadableCalls.Answer(e);
        }
#pragma warning disable CA1031 // here a call ends: whatever went wrong is reported
        catch (Exception e)
        {
            var answer = Answer(e, context.CancellationToken.IsCancellationRequested);
            if (answer.StatusCode == StatusCode.Internal)
                LogFailed(context.Method, e);
            throw answer;
        }
#pragma warning restore CA1031
    }

    /// <summary>The whole table: what an exception that a handler did not turn into an answer itself becomes.</summary>
    /// <param name="e">what went wrong</param>
    /// <param name="hasGone">whether nobody waits for the answer any more</param>
    public static RpcException Answer(Exception e, bool hasGone = false) => e switch
    {
        RpcException answer => answer,
        ProblemException problem => Refusals.Of(StatusCode.InvalidArgument, problem.Problems),
        InvalidProtocolBufferException or InvalidDataException => new RpcException(new Status(StatusCode.InvalidArgument, $"what was sent is no message of this call ({FirstLine(e)})")),
        UnavailableException unavailable => Refusals.Unavailable(unavailable.Message),
        OperationCanceledException or IOException or InvalidOperationException when hasGone => new RpcException(new Status(StatusCode.Cancelled, "the caller has gone")),
        OperationCanceledException => Refusals.Leaving(),
        _ when Find<DbException>(e) is { } database => Refusals.Unavailable($"the database cannot be reached just now ({FirstLine(database)}); nothing is lost, try again"),
        SiloUnavailableException or OrleansMessageRejectionException
            => Refusals.Unavailable("the server that holds this has just gone, another one takes over; try again"),
        TimeoutException => Refusals.Unavailable("the server that holds this did not answer in time; try again"),
        OrleansException => Refusals.Unavailable($"the cluster cannot do this just now ({FirstLine(e)}); try again"),
        IOException or SocketException or UnauthorizedAccessException => Refusals.Unavailable($"the server's disk or network failed ({FirstLine(e)}); try again"),
        _ => new RpcException(new Status(StatusCode.Internal, $"this server made a mistake ({e.GetType().Name}); its log says where")),
    };

    static T? Find<T>(Exception? e) where T : Exception
    {
        for (; e is not null; e = e.InnerException)
            if (e is T found)
                return found;
        return null;
    }

    static string FirstLine(Exception e) => e.Message.Split('\n')[0].TrimEnd('\r', '.');

    [LoggerMessage(EventName = "CallFailed", Level = LogLevel.Error, Message = "{Method} failed")]
    partial void LogFailed(string method, Exception exception);
}
