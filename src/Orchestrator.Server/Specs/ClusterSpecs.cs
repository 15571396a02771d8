using Orchestrator.Learning.Adapters;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server.Api;
using Orchestrator.Server.Blobs;

namespace Orchestrator.Server.Specs;

/// <summary>What a cluster takes as a spec, whichever way it comes: by the API, or in a resource of Kubernetes.</summary>
sealed class ClusterSpecs(PathRules paths, BlobStore blobs)
{
    const int CharactersMax = 1 << 20;

    /// <summary>Reads a spec.</summary>
    /// <param name="text">YAML or JSON</param>
    /// <param name="overrides">path=value, laid over it</param>
    /// <exception cref="ProblemException">with everything that is wrong</exception>
    public JobSpec Read(string text, IEnumerable<string> overrides)
        => text.Length > CharactersMax ? throw new ProblemException(SpecPlace.Source, $"{text.Length} characters", $"at most {CharactersMax}")
            : SpecReader.Parse(text, SpecPlace.Source, folder: null, [.. overrides.Select(SpecOverride.Parse)], RemoteSpec.Check, KnownMethod, paths.Check, blobs.Missing);

    static IEnumerable<Problem> KnownMethod(JobSpec spec)
        => spec.Adapter.Method.Length == 0 || Methods.Names.Contains(spec.Adapter.Method)
            ? []
            : [new Problem("adapter.method", $"'{spec.Adapter.Method}'", string.Join(" or ", Methods.Names))];
}
