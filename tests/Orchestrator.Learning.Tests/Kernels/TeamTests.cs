using Orchestrator.Learning.Kernels;

namespace Orchestrator.Learning.Tests.Kernels;

public class TeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Members_share_all_of_the_work_and_read_what_others_wrote_before_they_met(int threads)
    {
        using var team = new Team(threads);
        var (squares, sums) = (new long[101], new long[threads]);
        for (var round = 1; round <= 50; round++)
        {
            var by = round;
            team.Run(me =>
            {
                var mine = me.Share(squares.Length);
                for (var i = mine.From; i < mine.To; i++)
                    squares[i] = (long)i * i * by;
                me.Meet();
                sums[me.Index] = squares.Sum();
                me.Meet();
                Array.Clear(squares, mine.From, mine.Count);
            });
            Assert.All(sums, sum => Assert.Equal(338_350L * by, sum));
        }
    }

    [Fact]
    public void What_one_member_throws_stops_the_others_and_reaches_the_caller_and_the_team_goes_on()
    {
        using var team = new Team(3);
        var told = Assert.Throws<InvalidOperationException>(() => team.Run(me =>
        {
            if (me.Index == 2)
                throw new NotSupportedException("broken");
            me.Meet();
        }));
        Assert.Contains("broken", told.Message, StringComparison.Ordinal);
        var done = 0;
        team.Run(me =>
        {
            me.Meet();
            Interlocked.Increment(ref done);
        });
        Assert.Equal(3, done);
    }
}
