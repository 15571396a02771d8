using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Operator.Reconciling;
using Orchestrator.Operator.Resources;
using Orchestrator.Protocol;

namespace Orchestrator.Operator;

/// <summary>How a server becomes one that may be the operator.</summary>
public static class OperatorSetup
{
    /// <summary>Adds it, where the options say so. The silo's grains do the rest.</summary>
    /// <param name="services">the server's</param>
    /// <param name="options">what it looks after</param>
    /// <param name="name">the server's name</param>
    /// <param name="intake">makes a spec of a resource's</param>
    /// <exception cref="ProblemException">nobody says where the API server is</exception>
    public static IServiceCollection AddOperator(this IServiceCollection services, OperatorOptions options, string name, Func<IServiceProvider, SpecIntake> intake)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!options.Enabled)
            return services;
        KubernetesResources.Of(options, name).Dispose();      // what is wrong with the settings is said before anything begins
        services.AddSingleton(provider => new OperatorConnection(options, name, intake(provider)));
        return services.AddHostedService<OperatorCall>();
    }
}

/// <summary>How a server that may be the operator reaches the API server.</summary>
sealed class OperatorConnection(OperatorOptions options, string name, SpecIntake intake)
{
    public OperatorOptions Options => options;

    public SpecIntake Intake => intake;

    /// <summary>Opens it anew: the token of a pod changes, and so may the address.</summary>
    public Opened Open() => new(KubernetesResources.Of(options, name));

    internal sealed record Opened(KubernetesResources Resources) : IDisposable
    {
        public void Dispose() => Resources.Dispose();
    }
}

/// <summary>Calls the operator every second, so that it is somewhere.</summary>
sealed partial class OperatorCall(IGrainFactory grains, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<OperatorCall> log) : BackgroundService
{
    static readonly TimeSpan interval = TimeSpan.FromSeconds(1);
    static readonly TimeSpan answerWithin = TimeSpan.FromSeconds(3);

    string? complaint;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (lifetime.ApplicationStarted.Register(started.SetResult))
            await started.Task.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(interval, clock);
        do
        {
            try
            {
                await grains.GetGrain<IOperatorGrain>(0).Look().WaitAsync(answerWithin, clock, stoppingToken);
                complaint = null;
            }
            catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)      // whatever it is, it is called again in a second
            {
                if (complaint != e.Message)
                    LogUnheard(complaint = e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(EventName = "OperatorUnheard", Level = LogLevel.Warning, Message = "the operator does not answer, and is called again every second: {Reason}")]
    partial void LogUnheard(string reason);
}
