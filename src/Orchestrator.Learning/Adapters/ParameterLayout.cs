using Orchestrator.Learning.Llama;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Adapters;

/// <summary>Writes a parameter's start values.</summary>
/// <param name="weights">the frozen base</param>
/// <param name="seed">the job's seed</param>
/// <param name="offset">where <paramref name="values"/> begins in the flat vector: with the seed, all that a random start may depend on</param>
/// <param name="values">what is written</param>
public delegate void StartValues(LlamaWeights weights, long seed, int offset, Span<float> values);

/// <summary>A named, shaped part of the flat vector.</summary>
/// <param name="Name">unique in its layout</param>
/// <param name="Shape">its shape, row-major</param>
/// <param name="Decays">whether the optimiser's weight decay acts on it</param>
/// <param name="Start">its values before the first step</param>
public sealed record Parameter(string Name, long[] Shape, bool Decays, StartValues Start);

/// <summary>
/// Names, shapes and places of what a method trains in one flat fp32 vector. Optimiser, exchange, checkpoint and digest know nothing else of a method.
/// </summary>
public sealed class ParameterLayout
{
    /// <summary>Most numbers of a vector: its bytes fit one span (2 GiB).</summary>
    public const int CountMax = int.MaxValue / sizeof(float);

    readonly Parameter[] parameters;
    readonly int[] offsets;

    /// <summary>Lays the parameters one behind another.</summary>
    /// <exception cref="ProblemException">they are more than <see cref="CountMax"/> numbers</exception>
    public ParameterLayout(params IReadOnlyList<Parameter> parameters)
    {
        this.parameters = [.. parameters];
        offsets = new int[this.parameters.Length + 1];
        var end = 0L;
        for (var i = 0; i < this.parameters.Length; i++)
        {
            end += this.parameters[i].Shape.Aggregate(1L, (product, side) => checked(product * side));
            if (end > CountMax)
            {
                throw new ProblemException("adapter.method", $"more than {CountMax:N0} trained numbers", $"at most {CountMax:N0}",
                    "every worker exchanges its whole gradient in fp32, which is meant for adapters and small models");
            }
            offsets[i + 1] = (int)end;
        }
    }

    /// <summary>Number of parameters.</summary>
    public int Parameters => parameters.Length;

    /// <summary>Numbers of the whole vector.</summary>
    public int Count => offsets[^1];

    /// <summary>A parameter by its place in the order.</summary>
    public Parameter this[int index] => parameters[index];

    /// <summary>First element of a parameter in the flat vector.</summary>
    public int Offset(int index) => offsets[index];

    /// <summary>Number of elements of a parameter.</summary>
    public int Length(int index) => offsets[index + 1] - offsets[index];

    /// <summary>Writes the start values of all parameters: a function of the base and the seed.</summary>
    public void Start(LlamaWeights weights, long seed, Span<float> values)
    {
        for (var i = 0; i < parameters.Length; i++)
            parameters[i].Start(weights, seed, offsets[i], values.Slice(offsets[i], Length(i)));
    }
}
