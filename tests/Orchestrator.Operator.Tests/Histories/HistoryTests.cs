using CsCheck;

namespace Orchestrator.Operator.Tests.Histories;

/// <summary>The operator against everything that can go wrong around it, by chance and with a seed.</summary>
public class HistoryTests
{
    [Fact]
    public void Whatever_happened_resources_and_jobs_agree_in_the_end()
        => Gen.Int[0, int.MaxValue - 1].Sample(seed =>
        {
            using var history = new History(seed);
            history.Run();
            Assert.True(history.Wrong.Count == 0, $"seed {seed}:\n{string.Join('\n', history.Wrong)}\n{string.Join('\n', history.Told)}");
        }, iter: 500, threads: 2);

    [Fact]
    public void The_same_seed_is_the_same_history()
    {
        static IReadOnlyList<string> Told(int seed)
        {
            using var history = new History(seed);
            history.Run();
            return history.Told;
        }

        for (var seed = 0; seed < 20; seed++)
            Assert.Equal(Told(seed), Told(seed));
        Assert.NotEqual(Told(7), Told(8));
    }
}
