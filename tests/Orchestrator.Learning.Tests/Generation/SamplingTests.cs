using CsCheck;
using Orchestrator.Learning.Generation;

namespace Orchestrator.Learning.Tests.Generation;

public class SamplingTests
{
    static readonly Gen<float[]> Logits = Gen.Float[-4, 4].Array[2, 40];

    [Fact]
    public void The_nucleus_is_every_token_before_which_at_most_p_has_gathered()
        => Gen.Select(Logits, Gen.Double[0.01, 1], Gen.Double[0.2, 3]).Sample((logits, p, temperature) =>
        {
            var weights = logits.Select(x => Math.Exp(x / temperature)).ToArray();
            var ranked = Enumerable.Range(0, logits.Length).OrderByDescending(token => weights[token]).ThenBy(token => token).ToList();
            var allowed = new HashSet<int>();
            var before = 0.0;
            foreach (var token in ranked)
            {
                if (before <= p + 1e-12)
                    allowed.Add(token);
                before += weights[token] / weights.Sum();
            }
            var sampling = new Sampling(new GenerationOptions { Temperature = temperature, TopP = p, Seed = 3 });
            for (var position = 0; position < 200; position++)
                Assert.Contains(sampling.Next(logits, position), allowed);
        }, iter: 50, threads: 1);

    [Fact]
    public void Tokens_come_as_often_as_their_probabilities_within_the_nucleus_say()
    {
        float[] logits = [MathF.Log(0.1f), MathF.Log(0.4f), MathF.Log(0.3f), MathF.Log(0.2f)];
        // Before the token of 0.2 stand 0.7: within 0.75; before that of 0.1 stand 0.9.
        Assert.Equal([0, 4.0 / 9, 3.0 / 9, 2.0 / 9], Frequencies(0.75), (expected, found) => Math.Abs(expected - found) < 0.01);
        Assert.Equal([0.1, 0.4, 0.3, 0.2], Frequencies(1), (expected, found) => Math.Abs(expected - found) < 0.01);

        double[] Frequencies(double p)
        {
            var sampling = new Sampling(new GenerationOptions { Temperature = 1, TopP = p, Seed = 1 });
            var counts = new double[4];
            for (var position = 0; position < 20_000; position++)
                counts[sampling.Next(logits, position)] += 1 / 20_000.0;
            return counts;
        }
    }

    [Fact]
    public void A_token_is_a_function_of_seed_and_position()
    {
        var logits = Enumerable.Range(0, 100).Select(i => MathF.Sin(i)).ToArray();
        Assert.Equal(Text(1), Text(1));
        Assert.NotEqual(Text(1), Text(2));
        Assert.Equal(Text(1)[20], new Sampling(Of(1)).Next(logits, 20));
        Assert.Equal(33, new Sampling(Of(1) with { Temperature = 0 }).Next(logits, 20));

        static GenerationOptions Of(long seed) => new() { Temperature = 1, TopP = 0.9, Seed = seed };

        int[] Text(long seed)
        {
            var sampling = new Sampling(Of(seed));
            return [.. Enumerable.Range(0, 50).Select(position => sampling.Next(logits, position))];
        }
    }
}
