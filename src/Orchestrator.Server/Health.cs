using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Orchestrator.Server.Database;

namespace Orchestrator.Server;

/// <summary>
/// <c>/healthz</c>: the process answers, and nothing else; whoever restarts it for another reason ends training that goes on. <c>/readyz</c>: it takes calls.
/// A database that is down degrades a server but does not take it out: its API says so itself, and its workers train on.
/// </summary>
static class Health
{
    /// <summary>The checks that say whether the server takes calls carry this tag.</summary>
    public const string Ready = "ready";

    /// <summary>Adds the checks.</summary>
    public static void AddHealth(this IServiceCollection services)
        => services.AddHealthChecks()
            .AddCheck<SiloCheck>("silo", tags: [Ready])
            .AddCheck<DatabaseCheck>("database", failureStatus: HealthStatus.Degraded, tags: [Ready], timeout: TimeSpan.FromSeconds(2));

    /// <summary>Answers whoever asks.</summary>
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapHealthChecks("/healthz", new HealthCheckOptions { Predicate = _ => false });
        app.MapHealthChecks("/readyz", new HealthCheckOptions { Predicate = check => check.Tags.Contains(Ready), ResponseWriter = Write });
    }

    // {"status":"Unhealthy","silo":"the server drains","database":"…"}: what is well has no word to say.
    static Task Write(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        var words = report.Entries.ToDictionary(entry => entry.Key, entry => entry.Value.Description ?? entry.Value.Exception?.Message ?? $"{entry.Value.Status}");
        words.Add("status", $"{report.Status}");
        return context.Response.WriteAsync(JsonSerializer.Serialize(words));
    }

    sealed class SiloCheck(ISiloStatusOracle silo, Draining draining, IHostApplicationLifetime lifetime) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
            => Task.FromResult(
                draining.HasBegun ? HealthCheckResult.Unhealthy("the server drains")
                : !lifetime.ApplicationStarted.IsCancellationRequested ? HealthCheckResult.Unhealthy("the server starts")
                : silo.CurrentStatus != SiloStatus.Active ? HealthCheckResult.Unhealthy($"the silo is {silo.CurrentStatus}")
                : HealthCheckResult.Healthy());
    }

    sealed class DatabaseCheck(IServerDatabase database) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await database.Ask(cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (Exception e)      // whatever it is, it is the database's
            {
                return HealthCheckResult.Degraded(e.Message);
            }
        }
    }
}
