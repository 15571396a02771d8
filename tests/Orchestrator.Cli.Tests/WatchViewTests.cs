using Google.Protobuf.WellKnownTypes;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Tests;

public sealed class WatchViewTests : IDisposable
{
    readonly StringWriter text = new() { NewLine = "\n" };

    public void Dispose() => text.Dispose();

    Output Output(bool terminal, bool json = false) => new(text, TextWriter.Null, terminal, terminal, json);

    static Event Step(long number, long step, double loss) => new()
    {
        Number = number,
        At = Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch),
        Stepped = new Stepped { Step = step, Steps = 10, Loss = loss, LearningRate = 0.01, Tokens = 600, Seconds = 0.5, Workers = 3 },
    };

    [Fact]
    public void The_picture_has_phase_bar_curve_and_speed_and_none_of_it_is_wider_than_the_terminal()
    {
        using var view = new WatchView("alpaca", Output(terminal: true), TimeProvider.System);
        view.Show(new Job { Name = "alpaca", Phase = Phase.Running, Reason = "a worker loads the base " + new string('x', 200), Workers = 3 });
        view.Show(Step(1, 1, 2.5));
        view.Show(Step(2, 2, 1.5));
        view.Show(new Event { Number = 3, At = new Timestamp(), Evaluated = new Evaluated { Step = 2, Loss = 1.25, Perplexity = 3.49 } });
        view.Show(new Event { Number = 4, At = new Timestamp(), Checkpointed = new Checkpointed { Step = 2 } });
        var plain = view.Picture(60).Select(Spectre.Console.Markup.Remove).ToList();
        Assert.Equal(4, plain.Count);
        Assert.All(plain, line => Assert.InRange(line.Length, 1, 60));
        Assert.StartsWith("alpaca  running, 3 workers: a worker loads the base", plain[0], StringComparison.Ordinal);
        Assert.Contains("step 2 of 10", plain[1], StringComparison.Ordinal);
        Assert.Equal("loss 2.50 █▁ 1.50", plain[2]);
        Assert.Matches("^1,200 tokens/s  .* left  held out 1.2500  checkpoint 2$", plain[3]);
    }

    [Fact]
    public void Elsewhere_each_event_is_a_line_without_colours()
    {
        using (var view = new WatchView("alpaca", Output(terminal: false), TimeProvider.System))
        {
            view.Show(new Job { Name = "alpaca", Phase = Phase.Queued, Reason = "2 workers are wanted, 1 is free", WorkersWanted = 2 });
            view.Show(Step(1, 7, 0.5));
        }
        Assert.Equal("alpaca: queued, 0 of 2 workers: 2 workers are wanted, 1 is free\nstep 7 of 10  loss 0.5000  lr 1.0e-2  1,200 tokens/s  3 workers\n", text.ToString());
    }

    [Fact]
    public void Programs_get_an_object_a_line()
    {
        using (var view = new WatchView("alpaca", Output(terminal: false, json: true), TimeProvider.System))
            view.Show(Step(12, 7, 0.5));
        using var line = System.Text.Json.JsonDocument.Parse(text.ToString());
        Assert.Equal((12, "stepped", 7, 0.5), (line.RootElement.GetProperty("number").GetInt64(), line.RootElement.GetProperty("event").GetString()!, line.RootElement.GetProperty("step").GetInt32(), line.RootElement.GetProperty("loss").GetDouble()));
    }
}
