using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.StaticAssets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Orchestrator.Grains;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Security;

/// <summary>Callers are asked who they are before anything else is done for them: here, for every call. What they may do in a namespace <see cref="AccessInterceptor"/> asks, which knows the request.</summary>
static class AccessSetup
{
    const string GrpcContent = "application/grpc";
    static readonly TimeSpan clockSkew = TimeSpan.FromMinutes(1);

    /// <summary>Adds what asks.</summary>
    /// <exception cref="ProblemException">an issuer without an audience, or one that is asked in clear text</exception>
    public static void AddAccess(this IServiceCollection services, SecurityOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton<TokenStore>();
        services.AddSingleton<Door>();
        services.AddSingleton<PageSession>();
        services.AddSingleton<Audit>();
        if (options.Kubernetes.ServiceAccounts)
            services.AddSingleton<ServiceAccounts>();
        if (options.Oidc.Issuer is not { } issuer)
            return;
        if (options.Oidc.Audience is not { Length: > 0 })
            throw new ProblemException("Security:Oidc:Audience", "nothing", "whom the issuer's tokens are for", "without it a token for any of the issuer's customers would do");
        if (!issuer.IsAbsoluteUri || issuer.Scheme != Uri.UriSchemeHttps && !issuer.IsLoopback)
            throw new ProblemException("Security:Oidc:Issuer", $"{issuer}", "an address that begins with https://");
        services.AddAuthentication().AddJwtBearer(bearer =>
        {
            (bearer.Authority, bearer.Audience, bearer.MapInboundClaims, bearer.RequireHttpsMetadata) = (issuer.ToString().TrimEnd('/'), options.Oidc.Audience, false, !issuer.IsLoopback);
            (bearer.TokenValidationParameters.ClockSkew, bearer.TokenValidationParameters.RequireSignedTokens) = (clockSkew, true);
        });
    }

    /// <summary>Asks; stands behind the routing.</summary>
    public static void UseAccess(this IApplicationBuilder app)
    {
        var door = app.ApplicationServices.GetRequiredService<Door>();
        var cookies = app.ApplicationServices.GetRequiredService<PageSession>();
        var audit = app.ApplicationServices.GetRequiredService<Audit>();
        app.Use(async (context, next) =>
        {
            if (context.GetEndpoint() is not { } endpoint)
            {
                await next(context);
                return;
            }
            var isKnown = Access.Rules.TryGetValue(KeyOf(endpoint), out var rule);
            if (rule.Browser)
                await cookies.Present(context);
            if (!door.IsAsking)
            {
                await next(context);
                return;
            }
            if (isKnown && rule.Reach is Reach.Open or Reach.Peers)
            {
                await next(context);
                return;
            }
            Caller caller;
            try
            {
                if (await door.Caller(context) is not { } found)
                {
                    if (rule.Browser && HttpMethods.IsGet(context.Request.Method) && context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.Ordinal))
                    {
                        context.Response.Redirect(PageSession.SignInPath(context.Request));
                        return;
                    }
                    context.Response.Headers.WWWAuthenticate = "Bearer";
                    await Refuse(context, StatusCode.Unauthenticated, AccessInterceptor.WhoAreYou);
                    return;
                }
                caller = found;
            }
            catch (UnavailableException e)      // whom it would have to ask does not answer
            {
                await Refuse(context, StatusCode.Unavailable, e.Message);
                return;
            }
            if (isKnown && KeyOf(endpoint).StartsWith(Access.Api, StringComparison.Ordinal))
            {
                await next(context);
                return;
            }
            if (!isKnown || !caller.MaySomewhere(rule.Role) || rule.Reach == Reach.Namespace && !caller.May(rule.Role, AccessInterceptor.SpaceOf(context.Request.Query["namespace"].ToString())))
                await Refuse(context, StatusCode.PermissionDenied, AccessInterceptor.MayNot);
            else
                await next(context);
            if (rule.Mutates)
                audit.Tell(caller, KeyOf(endpoint), "", context.Request.Path.Value ?? "", $"{context.Response.StatusCode}");
        });
    }

    /// <summary>Under what name an endpoint is in <see cref="Access.Rules"/>.</summary>
    public static string KeyOf(Endpoint endpoint)
        => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>() is { } grpc ? grpc.Method.FullName
            : endpoint.Metadata.GetMetadata<StaticAssetDescriptor>() is not null ? Access.PageFile
            : endpoint is not RouteEndpoint { RoutePattern.RawText: { } pattern } ? endpoint.DisplayName ?? ""
            : endpoint.Metadata.GetMetadata<HttpMethodMetadata>() is { HttpMethods: [var verb] } ? $"{verb} {pattern}" : pattern;

    // gRPC's own way of saying no, so that its clients read the sentence; JSON in the shape of all other refusals for the rest.
    internal static Task Refuse(HttpContext context, StatusCode code, string why)
    {
        var response = context.Response;
        if (context.Request.ContentType?.StartsWith(GrpcContent, StringComparison.Ordinal) == true)
        {
            response.ContentType = GrpcContent;
            response.Headers["grpc-status"] = $"{(int)code}";
            response.Headers["grpc-message"] = why;
            return response.CompleteAsync();
        }
        response.StatusCode = code switch
        {
            StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
            StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
            StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
            _ => StatusCodes.Status403Forbidden,
        };
        return response.WriteAsJsonAsync(new { code = (int)code, message = why, details = Array.Empty<object>() });
    }
}

/// <summary>A line of the log for every call that changes something, or would have.</summary>
sealed partial class Audit(ILogger<Audit> log)
{
    public void Tell(Caller caller, string method, string space, string target, string status) => LogCalled(caller.Name, method, space, target, status);

    [LoggerMessage(EventName = "Audit", Level = LogLevel.Information, Message = "{Caller}: {Method} {Namespace} {Target}: {Status}")]
    partial void LogCalled(string caller, string method, string @namespace, string target, string status);
}
