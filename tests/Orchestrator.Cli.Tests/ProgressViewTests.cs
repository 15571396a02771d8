namespace Orchestrator.Cli.Tests;

public sealed class ProgressViewTests : IDisposable
{
    readonly StringWriter error = new();
    readonly ManualTime clock = new();

    [Fact]
    public void Elsewhere_than_on_a_terminal_lines_are_plain_and_seldom()
    {
        using (var view = View(isTerminal: false))
        {
            view.Report(new TrainingProgress.Began(0, 100));
            for (var step = 1; step <= 100; step++)
            {
                clock.Pass(TimeSpan.FromSeconds(1));
                view.Report(new TrainingProgress.Stepped(step, 1.5, 1e-3, 6213.4, 4));
            }
        }
        var lines = error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("training  step 1 of 100  loss 1.5000  lr 1.0e-3  6,213 tokens/s  4 workers  1m 39s left", lines[0]);
        Assert.Equal("training  step 100 of 100  loss 1.5000  lr 1.0e-3  6,213 tokens/s  4 workers", lines[^1]);
        Assert.InRange(lines.Length, 20, 22);
        Assert.DoesNotContain('\x1b', error.ToString());
    }

    [Fact]
    public void On_a_terminal_one_line_is_drawn_over_and_over_and_fits()
    {
        using (var view = View(isTerminal: true))
        {
            view.Report(new TrainingProgress.Preparing("tokenising", 0, 52_002, "records"));
            clock.Pass(TimeSpan.FromSeconds(1));
            view.Report(new TrainingProgress.Preparing("tokenising", 26_001, 52_002, "records"));
            clock.Pass(TimeSpan.FromMilliseconds(1));
            view.Report(new TrainingProgress.Preparing("tokenising", 26_002, 52_002, "records"));
        }
        var drawn = error.ToString().Split("\r\x1b[2K");
        Assert.Equal(3, drawn.Length);      // nothing, at the beginning, in the middle; the third came too soon
        Assert.Contains("26,001 of 52,002 records  1s left", drawn[^1], StringComparison.Ordinal);
        Assert.Contains("━", drawn[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void An_evaluation_stays_and_the_next_steps_show_its_loss()
    {
        using (var view = View(isTerminal: false))
        {
            view.Report(new TrainingProgress.Began(0, 10));
            view.Report(new TrainingProgress.Evaluated(5, 1.12, 0.98));
            view.Report(new TrainingProgress.Stepped(10, 1, 0, 1, 1));
        }
        Assert.Contains("step 5  validation 1.1200  perplexity 3.06  exact match 98.0 %", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("validation 1.1200  lr 0.0e0", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.2, "1s")]
    [InlineData(72, "1m 12s")]
    [InlineData(7500, "2h 05m")]
    public void Times_are_for_people(double seconds, string text) => Assert.Equal(text, RemainingTime.Of(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(200)]
    public void The_live_line_never_wraps(int width)
    {
        var line = ProgressText.Live("training", 4, 10, "step 4 of 10  loss 1.0000  validation 1.1200  lr 1.0e-3  6,213 tokens/s  4 workers  9s left", width);
        Assert.InRange(Spectre.Console.Markup.Remove(line).Length, 1, width - 1);
    }

    public void Dispose() => error.Dispose();

    ProgressView View(bool isTerminal) => new(new Output(TextWriter.Null, error, outIsTerminal: false, errorIsTerminal: isTerminal, json: false), clock);

    sealed class ManualTime : TimeProvider
    {
        long ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => ticks;

        public void Pass(TimeSpan time) => ticks += time.Ticks;
    }
}
