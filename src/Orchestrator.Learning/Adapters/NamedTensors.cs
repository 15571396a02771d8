using System.Runtime.InteropServices;
using Orchestrator.Protocol;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Adapters;

/// <summary>The tensors of a file as a method reads them: what is missing or misshapen is collected, so that all of it is told at once.</summary>
sealed class NamedTensors(IReadOnlyDictionary<string, Tensor> tensors, string place)
{
    readonly List<Problem> problems = [];

    /// <summary>Copies a tensor's values, widened to fp32.</summary>
    /// <param name="name">its name in the file</param>
    /// <param name="shape">the shape it must have</param>
    /// <param name="because">where the shape comes from, for the message</param>
    /// <param name="values">as many as the shape has</param>
    /// <returns>whether it could be read; if not, the reason is kept</returns>
    public bool Read(string name, long[] shape, string because, Span<float> values)
    {
        var expected = $"[{string.Join(", ", shape)}], {because}";
        if (!tensors.TryGetValue(name, out var tensor))
            problems.Add(new Problem($"{place} {name}", "no such tensor", expected));
        else if (!tensor.shape.SequenceEqual(shape))
            problems.Add(new Problem($"{place} {name}", $"[{string.Join(", ", tensor.shape)}]", expected));
        else
        {
            using var scope = NewDisposeScope();
            MemoryMarshal.Cast<byte, float>(tensor.detach().to(ScalarType.Float32, CPU).contiguous().bytes).CopyTo(values);
            return true;
        }
        return false;
    }

    /// <summary>Keeps another problem.</summary>
    public void Add(Problem problem) => problems.Add(problem);

    /// <summary>Ends a reading.</summary>
    /// <exception cref="ProblemException">there was any problem</exception>
    public void ThrowIfAny()
    {
        if (problems.Count > 0)
            throw new ProblemException(problems);
    }
}
