using Orchestrator.Engine;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Tests;

public sealed class EventFileTests : IDisposable
{
    readonly RunFolder run = new(Directory.CreateTempSubdirectory("orchestrator-").FullName);

    public void Dispose() => Directory.Delete(run.Path, recursive: true);

    EventFile Open() => EventFile.Open(run, TimeProvider.System);

    static JobNews Said(string reason) => new(0, Decision: new JobDecisionNews(JobPhase.Running, new Generation(1), reason, 2));

    [Fact]
    public void Numbers_go_on_where_an_earlier_activation_stopped_and_pages_are_of_a_thousand()
    {
        using (var events = Open())
        {
            for (var i = 1; i <= 1500; i++)
                events.Post(Said($"{i}"));
            Assert.Empty(events.After(0));      // not durable, not shown
            events.Flush();
        }
        using var next = Open();
        next.Post(Said("1501"));
        next.Flush();
        Assert.Equal(1000, next.After(0).Count);
        var all = next.After(0).Concat(next.After(1000)).ToList();
        Assert.Equal(Enumerable.Range(1, 1501).Select(i => (long)i), all.Select(news => news.Number));
        Assert.Equal(Enumerable.Range(1, 1501).Select(i => $"{i}"), all.Select(news => news.Decision!.Reason));
        Assert.Empty(next.After(1501));
    }

    [Fact]
    public void Of_two_activations_the_one_that_finds_the_file_longer_than_it_knows_stops()
    {
        using var old = Open();
        using var young = Open();
        young.Post(Said("young"));
        young.Flush();
        old.Post(Said("old"));
        Assert.Throws<SupersededException>(old.Flush);
        young.Post(Said("still young"));
        young.Flush();
        using var third = Open();
        Assert.Equal(["young", "still young"], third.After(0).Select(news => news.Decision!.Reason));
    }

    [Fact]
    public void Half_a_line_from_a_crash_is_cut_off()
    {
        using (var events = Open())
        {
            events.Post(Said("whole"));
            events.Flush();
        }
        File.AppendAllText(run.Events, """{"number":2,"deci""");
        using var next = Open();
        next.Post(Said("next"));
        next.Flush();
        Assert.Equal(["whole", "next"], next.After(0).Select(news => news.Decision!.Reason));
    }
}
