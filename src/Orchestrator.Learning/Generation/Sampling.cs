using Orchestrator.Protocol.Order;

namespace Orchestrator.Learning.Generation;

/// <summary>
/// Draws a token from <c>softmax(logits / temperature)</c>, cut to its nucleus (arXiv 1904.09751): the likeliest tokens, each as long as the probabilities before
/// it sum to at most p. Of equal ones the lower number is the likelier.
/// </summary>
/// <param name="options">temperature, p, seed</param>
public sealed class Sampling(GenerationOptions options)
{
    readonly Counter random = Counter.Of(options.Seed, Streams.Generation);
    double[] probabilities = [];
    int[] candidates = [];

    /// <summary>The token at a position: a function of the logits, the options and the position.</summary>
    /// <param name="logits">[V]</param>
    /// <param name="position">the token's place in its sequence, prompt included</param>
    /// <exception cref="ArgumentException">the logits are no numbers</exception>
    public int Next(ReadOnlySpan<float> logits, int position)
    {
        if (options.Temperature <= 0)
            return Likeliest(logits);
        var count = Nucleus(logits, out var mass);
        var left = random.Uniform(position) * mass;
        for (var i = 0; i < count - 1; i++)
        {
            left -= probabilities[candidates[i]];
            if (left < 0)
                return candidates[i];
        }
        return candidates[count - 1];
    }

    /// <summary>The likeliest token; of equal ones the first.</summary>
    public static int Likeliest(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var token = 1; token < logits.Length; token++)
        {
            if (logits[token] > logits[best])
                best = token;
        }
        return best;
    }

    // Fills candidates with the nucleus, the likeliest first; returns its size and what it sums to.
    int Nucleus(ReadOnlySpan<float> logits, out double mass)
    {
        if (probabilities.Length != logits.Length)
            (probabilities, candidates) = (new double[logits.Length], new int[logits.Length]);
        var largest = logits[Likeliest(logits)];
        var sum = 0.0;
        for (var token = 0; token < logits.Length; token++)
            sum += probabilities[token] = Math.Exp(((double)logits[token] - largest) / options.Temperature);

        // Tokens below this sum to less than 1 - p, so more than p comes before any of them: they need no sorting.
        var least = (1 - options.TopP) / logits.Length;
        var found = 0;
        for (var token = 0; token < logits.Length; token++)
        {
            probabilities[token] /= sum;
            if (probabilities[token] >= least)
                candidates[found++] = token;
        }
        if (found == 0)
            throw new ArgumentException("the logits are no numbers; the model's weights or the adapter's are damaged", nameof(logits));
        candidates.AsSpan(0, found).Sort((a, b) => probabilities[b].CompareTo(probabilities[a]) is var order && order != 0 ? order : a.CompareTo(b));

        mass = 0;
        var kept = 0;
        while (kept < found && mass <= options.TopP)
            mass += probabilities[candidates[kept++]];
        return kept;
    }
}
