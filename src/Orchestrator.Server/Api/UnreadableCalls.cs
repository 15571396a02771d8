using System.Globalization;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Orchestrator.Server.Api;

/// <summary>
/// A call whose bytes are no message is the caller's mistake. gRPC for .NET reads the first message before any interceptor is asked, and answers <c>UNKNOWN</c> or <c>INTERNAL</c> where it cannot, as if
/// the server had failed; here that becomes <c>INVALID_ARGUMENT</c>.
/// </summary>
static class UnreadableCalls
{
    const string Unreadable = "what was sent is no message of this call";

    static readonly object reached = new();

    /// <summary>A handler has the call: whatever goes wrong from now on is the table's of <see cref="ErrorInterceptor"/>.</summary>
    public static void Reached(ServerCallContext context) => context.GetHttpContext().Items[reached] = true;

    /// <summary>Looks at what gRPC has answered; stands before it, behind the routing.</summary>
    public static void UseUnreadableCalls(this IApplicationBuilder app)
        => app.Use(async (context, next) =>
        {
            await next(context);
            if (context.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>() is null || context.Items.ContainsKey(reached))
                return;
            var answer = context.Response.HasStarted ? context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers : context.Response.Headers;
            if (answer is { IsReadOnly: false } && int.TryParse(answer["grpc-status"].ToString(), CultureInfo.InvariantCulture, out var code) && (StatusCode)code is StatusCode.Unknown or StatusCode.Internal)
                (answer["grpc-status"], answer["grpc-message"]) = ($"{(int)StatusCode.InvalidArgument}", Unreadable);
        });

    /// <summary>What becomes of gRPC's own words on a later message of a stream.</summary>
    public static RpcException Answer(RpcException e)
        => e.StatusCode is StatusCode.Internal or StatusCode.Unknown ? new RpcException(new Status(StatusCode.InvalidArgument, $"{Unreadable} ({e.Status.Detail})")) : e;
}
