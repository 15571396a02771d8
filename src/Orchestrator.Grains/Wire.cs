using Orchestrator.Protocol;

namespace Orchestrator.Grains;

/// <summary>How a user's mistakes cross from silo to silo: with every problem, since whoever asked is to be told all of them.</summary>
[GenerateSerializer, Alias("problems")]
public struct ProblemsSurrogate
{
    /// <summary>All that is wrong.</summary>
    [Id(0)]
    public Problem[] Problems { get; set; }
}

/// <summary>From the exception and back.</summary>
[RegisterConverter]
public sealed class ProblemsConverter : IConverter<ProblemException, ProblemsSurrogate>
{
    /// <inheritdoc/>
    public ProblemException ConvertFromSurrogate(in ProblemsSurrogate surrogate) => new(surrogate.Problems);

    /// <inheritdoc/>
    public ProblemsSurrogate ConvertToSurrogate(in ProblemException value) => new() { Problems = [.. value.Problems] };
}
