using Orchestrator.Protocol;

namespace Orchestrator.Grains;

/// <summary>A user's mistake on its way between silos: place, found, expected and remedy of each, in this order.</summary>
[GenerateSerializer, Alias("problems")]
struct ProblemSurrogate
{
    /// <summary>Four texts a problem.</summary>
    [Id(0)]
    public string[] Texts;
}

/// <summary>Brings a <see cref="ProblemException"/> whole to the other side.</summary>
[RegisterConverter]
sealed class ProblemConverter : IConverter<ProblemException, ProblemSurrogate>
{
    /// <inheritdoc/>
    public ProblemException ConvertFromSurrogate(in ProblemSurrogate surrogate)
        => new([.. surrogate.Texts.Chunk(4).Select(problem => new Problem(problem[0], problem[1], problem[2], problem[3]))]);

    /// <inheritdoc/>
    public ProblemSurrogate ConvertToSurrogate(in ProblemException value)
        => new() { Texts = [.. value.Problems.SelectMany(problem => new[] { problem.Place, problem.Found, problem.Expected, problem.Remedy })] };
}
