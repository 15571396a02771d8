using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Engine.Evaluation;
using Orchestrator.Engine.Resident;
using Orchestrator.Engine.Telemetry;

namespace Orchestrator.Engine;

/// <summary>How a host takes the engine in.</summary>
public static class EngineSetup
{
    /// <summary>Adds the process's engine; an exchange is added beside it.</summary>
    public static IServiceCollection AddTrainingEngine(this IServiceCollection services, EngineOptions options)
        => services.AddSingleton(options)
            .AddSingleton<Metrics>()
            .AddSingleton<ResidentBases>()
            .AddSingleton<StateShelf>()
            .AddSingleton<TrainingEngine>()
            .AddSingleton<Evaluator>();
}
