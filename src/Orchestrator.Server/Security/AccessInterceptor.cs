using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Orchestrator.Server.Api;

namespace Orchestrator.Server.Security;

/// <summary>Asks before every call of the API, over gRPC and REST, whether its caller may make it, and tells the log of those that change something. The answer to whoever may not is the same whatever there is.</summary>
sealed class AccessInterceptor(Door door, Audit audit) : Interceptor
{
    /// <summary>The answer to whoever has not said who he is, or whose token is worth nothing.</summary>
    public const string WhoAreYou = "a token is needed that is valid: authorization: Bearer TOKEN";

    /// <summary>The answer to whoever may not.</summary>
    public const string MayNot = "this token does not allow that";

    const int TargetCharactersMax = 128;
    static readonly string[] targets = ["name", "server", "id", "sha256"];

    /// <inheritdoc/>
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        => Guarded(request, context, () => continuation(request, context));

    /// <inheritdoc/>
    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
        => Guarded<object?, TResponse>(null, context, () => continuation(requestStream, context));

    /// <inheritdoc/>
    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
        => Guarded<TRequest, object?>(request, context, async () =>
        {
            await continuation(request, responseStream, context);
            return null;
        });

    /// <inheritdoc/>
    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
        => Guarded<object?, object?>(null, context, async () =>
        {
            await continuation(requestStream, responseStream, context);
            return null;
        });

    async Task<TResponse> Guarded<TRequest, TResponse>(TRequest request, ServerCallContext context, Func<Task<TResponse>> call)
    {
        var isThere = Access.Rules.TryGetValue(context.Method, out var rule);
        var caller = door.Known(context.GetHttpContext()) ?? throw new RpcException(new Status(StatusCode.Unauthenticated, WhoAreYou));
        var space = Field(request, "namespace") is { } said ? SpaceOf(said) : "";
        var status = StatusCode.PermissionDenied;
        object? answer = null;
        try
        {
            if (door.IsAsking && !(isThere && MayCall(caller, rule, request, space)))
                throw new RpcException(new Status(status, MayNot));
            var told = await call();
            (status, answer) = (StatusCode.OK, told);
            return told;
        }
        catch (RpcException e)
        {
            status = e.StatusCode;
            throw;
        }
        finally
        {
            if (rule.Mutates)
                audit.Tell(caller, context.Method, space, TargetOf(request) ?? TargetOf(answer) ?? "", $"{status}");
        }
    }

    static bool MayCall<TRequest>(Caller caller, Rule rule, TRequest request, string space) => rule.Reach switch
    {
        Reach.Open => true,
        Reach.Namespace when request is Orchestrator.Api.V1.ListRequest { AllNamespaces: true } => caller.MaySomewhere(rule.Role),      // the answer has those that he may see
        Reach.Namespace => space.Length > 0 && caller.May(rule.Role, space),
        Reach.Somewhere => caller.MaySomewhere(rule.Role),
        Reach.Cluster => caller.May(rule.Role, Caller.AllSpaces),
        _ => false,
    };

    /// <summary>The namespace that is meant.</summary>
    public static string SpaceOf(string said) => said.Length == 0 ? JobAddress.DefaultSpace : said;

    static string? TargetOf(object? message) => targets.Select(name => Field(message, name)).FirstOrDefault(value => value is { Length: > 0 }) is { } target ? target[..Math.Min(target.Length, TargetCharactersMax)] : null;

    static string? Field(object? message, string name) => message is IMessage sent ? sent.Descriptor.FindFieldByName(name)?.Accessor.GetValue(sent) as string : null;
}
