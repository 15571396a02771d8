using Orchestrator.Simulation;

namespace Orchestrator.Protocol.Tests.Coordination;

public class SimulationTests
{
    [Fact]
    public void A_thousand_schedules_of_faults_end_with_the_undisturbed_result()
        => Parallel.For(1, 1_001, new ParallelOptions { MaxDegreeOfParallelism = 2 }, seed =>
        {
            var outcome = Simulation.Simulation.Run(seed);
            Assert.True(outcome.Violation is null, $"{outcome.Schedule}: {outcome.Violation}; dotnet run --project tests/Orchestrator.Simulation -- --seed {seed}");
        });

    [Theory]
    [InlineData(7_272)]       // two coordinators gave up while each told the other what had waited
    [InlineData(16_820)]      // a checkpoint was damaged, and a newer one whole whose writer nobody had heard
    public void A_schedule_that_went_wrong_once_ends_as_it_should(long seed) => Assert.Null(Simulation.Simulation.Run(seed).Violation);

    [Fact]
    public void A_seed_tells_the_same_story_every_time()
    {
        List<string> first = [], second = [];
        Assert.Equal(Simulation.Simulation.Run(17, trace: first) with { Schedule = null! }, Simulation.Simulation.Run(17, trace: second) with { Schedule = null! });
        Assert.NotEmpty(first);
        Assert.Equal(first, second);
    }

    public static TheoryData<string> Mutants => [.. Enum.GetNames<Mutant>().Where(name => name != nameof(Mutant.None))];

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_mistake_in_the_protocol_is_seen(string mutant)
    {
        for (var seed = 1L; seed <= 1_000; seed++)
        {
            if (Simulation.Simulation.Run(seed, Enum.Parse<Mutant>(mutant)).Violation is not null)
                return;
        }
        Assert.Fail($"no oracle has seen {mutant} in a thousand schedules");
    }
}
