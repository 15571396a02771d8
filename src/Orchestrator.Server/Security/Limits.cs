using System.Globalization;
using System.Threading.RateLimiting;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Orchestrator.Server.Security;

/// <summary>Keeps callers to <see cref="LimitsOptions"/>: connections by Kestrel, calls by ASP.NET Core's limiter.</summary>
static class Limits
{
    // The largest message, and what JSON makes of its escapes. Uploads say that they are longer.
    const int RequestBytesMax = 8 << 20;
    const string ComeBackLater = "too many calls of this caller at once: come back later";

    // A caller's bucket is refilled this often.
    static readonly TimeSpan refill = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan comeBackAfter = TimeSpan.FromSeconds(1);

    /// <summary>Adds what keeps them.</summary>
    public static void AddLimits(this IServiceCollection services, LimitsOptions limits)
    {
        services.TryAddSingleton(limits);
        services.AddRateLimiter(_ => { });
    }

    /// <summary>Holds connections to their limits.</summary>
    public static void Hold(this KestrelServerLimits kestrel, LimitsOptions limits)
    {
        kestrel.MaxConcurrentConnections = limits.ConnectionsMax;      // each port's
        kestrel.MaxConcurrentUpgradedConnections = limits.ConnectionsMax;
        kestrel.MaxRequestBodySize = RequestBytesMax;
        (kestrel.RequestHeadersTimeout, kestrel.KeepAliveTimeout) = (limits.HeadersWithin, limits.IdleWithin);
        kestrel.Http2.MaxStreamsPerConnection = limits.StreamsMax;
        kestrel.MinRequestBodyDataRate = kestrel.MinResponseDataRate = limits.BytesPerSecondMin > 0 ? new MinDataRate(limits.BytesPerSecondMin, limits.SlowWithin) : null;
    }

    /// <summary>Holds callers to theirs; stands behind <see cref="AccessSetup.UseAccess"/>, which knows who they are. The exchange is servers' among themselves and has none.</summary>
    public static void UseLimits(this IApplicationBuilder app)
    {
        var door = app.ApplicationServices.GetRequiredService<Door>();
        var limits = app.ApplicationServices.GetRequiredService<LimitsOptions>();
        var rate = PartitionedRateLimiter.Create<HttpContext, string>(context => CallerOf(context) is not { } caller ? RateLimitPartition.GetNoLimiter("") : RateLimitPartition.GetTokenBucketLimiter(caller, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = 2 * limits.CallsPerSecond, QueueLimit = 0,
            ReplenishmentPeriod = limits.CallsPerSecond < 10 ? TimeSpan.FromSeconds(1) : refill, TokensPerPeriod = limits.CallsPerSecond < 10 ? limits.CallsPerSecond : limits.CallsPerSecond / 10,
        }));
        var open = PartitionedRateLimiter.Create<HttpContext, string>(context => CallerOf(context) is not { } caller ? RateLimitPartition.GetNoLimiter("")
            : RateLimitPartition.GetConcurrencyLimiter(caller, _ => new ConcurrencyLimiterOptions { PermitLimit = limits.CallsAtOnce, QueueLimit = 0 }));
        app.UseRateLimiter(new RateLimiterOptions
        {
            GlobalLimiter = PartitionedRateLimiter.CreateChained(open, rate),
            OnRejected = async (rejected, _) =>
            {
                var after = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var said) ? said : comeBackAfter;
                rejected.HttpContext.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(after.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
                await AccessSetup.Refuse(rejected.HttpContext, StatusCode.ResourceExhausted, ComeBackLater);
            },
        });

        string? CallerOf(HttpContext context)
            => context.GetEndpoint() is { } endpoint && Access.Rules.TryGetValue(AccessSetup.KeyOf(endpoint), out var rule) && rule.Reach == Reach.Peers ? null
                : door.IsAsking && door.Known(context) is { } known ? "caller " + known.Name : $"address {context.Connection.RemoteIpAddress}";
    }
}
