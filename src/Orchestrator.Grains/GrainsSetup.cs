using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Grains.Evaluation;
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
        silo.Services.AddSingleton<Preparations>().AddSingleton<Evaluations>();
        silo.Services.AddPlacementDirector<PinnedToSiloPlacement, PinnedToSiloDirector>();
        silo.Services.AddSingleton<ITypeNameFilter, OwnTypes>();
        silo.Services.AddSerializer(serializer => serializer.AddJsonSerializer(Crosses, Json));
        return silo;
    }

    // Sealed records and the orders and events of the protocol, which are families of records.
    static bool Crosses(Type type)
        => !typeof(Exception).IsAssignableFrom(type) && type.Namespace is { } space
            && (IsOf(space, "Orchestrator.Protocol") || IsOf(space, "Orchestrator.Engine") || (IsOf(space, "Orchestrator.Grains") && type.IsSealed && type.IsClass && type.IsPublic));

    static bool IsOf(string space, string root) => space.StartsWith(root, StringComparison.Ordinal);

    // What a list holds is named on the way to another silo; a name is believed only where it is ours.
    sealed class OwnTypes : ITypeNameFilter
    {
        public bool? IsTypeNameAllowed(string typeName, string assemblyName)
            => typeName.StartsWith("Orchestrator.Protocol.", StringComparison.Ordinal) || typeName.StartsWith("Orchestrator.Engine.", StringComparison.Ordinal)
                || typeName.StartsWith("Orchestrator.Grains.", StringComparison.Ordinal) ? true : null;
    }

    /// <summary>Keeps the state of jobs in files of a folder: for one machine.</summary>
    public static ISiloBuilder AddFileJobStorage(this ISiloBuilder silo, string folder)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddKeyedSingleton<IGrainStorage>(Jobs, (_, _) => new FileGrainStorage(folder, Json));
        return silo;
    }
}
