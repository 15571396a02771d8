using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Grains.Storage;
using Orchestrator.Grains.Workers;
using Orchestrator.Protocol.Jobs;
using Orleans.Configuration;
using Orleans.Serialization;
using Orleans.Storage;

namespace Orchestrator.Grains;

/// <summary>How a silo takes the grains in.</summary>
public static class GrainsSetup
{
    /// <summary>The name under which jobs are stored.</summary>
    public const string Jobs = "jobs";

    // Orleans sets room for a million grains aside, 19 MB. A job has four, and a worker one.
    const int grainsCached = 10_000;

    /// <summary>How the words of Protocol and Engine cross from silo to silo, and how states are stored: as the same JSON, whose names are those of the spec.</summary>
    public static JsonSerializerOptions Json { get; } = new(CanonicalJson.Options)
    {
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip,      // a newer silo may know more
        IgnoreReadOnlyProperties = true,      // what follows from the rest is not sent
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Adds placement and serialisation; every silo does.</summary>
    public static ISiloBuilder AddTrainingGrains(this ISiloBuilder silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Configure<GrainDirectoryOptions>(directory => directory.CacheSize = grainsCached);
        silo.Services.AddPlacementDirector<PinnedToSiloPlacement, PinnedToSiloDirector>();
        silo.Services.AddSerializer(serializer => serializer.AddJsonSerializer(
            type => type.Namespace is { } space && (space.StartsWith("Orchestrator.Protocol", StringComparison.Ordinal) || space.StartsWith("Orchestrator.Engine", StringComparison.Ordinal)
                || (space.StartsWith("Orchestrator.Grains", StringComparison.Ordinal) && type.Name.StartsWith("Job", StringComparison.Ordinal) && type.IsSealed && type.IsClass && type.IsPublic)),
            Json));
        return silo;
    }

    /// <summary>Keeps the state of jobs in files of a folder: for one machine.</summary>
    public static ISiloBuilder AddFileJobStorage(this ISiloBuilder silo, string folder)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddKeyedSingleton<IGrainStorage>(Jobs, (_, _) => new FileGrainStorage(folder, Json));
        return silo;
    }
}
