using Orchestrator.Engine;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Grains.Tests;

public sealed class LedgerFileTests : IDisposable
{
    readonly RunFolder run = new(Directory.CreateTempSubdirectory("orchestrator-").FullName);

    public void Dispose() => Directory.Delete(run.Path, recursive: true);

    static readonly JobPlan plan = new()
    {
        Spec = new JobSpec { Name = "j" }, TrainingSamples = 320, ValidationSamples = 0, Parameters = 3, Digests = new JobDigests("s", "b", "d", ""), Kind = "cpu",
    };

    static LedgerLine Line(long step, string parameters = "p") => new()
    {
        Step = step, Epoch = 0, Loss = 1.5, LearningRate = 1e-3, GradientNorm = 2, Tokens = 10, Supervised = 5, Samples = [1, 2], Parameters = parameters + step,
    };

    string[] Text()
    {
        using var file = new StreamReader(new FileStream(run.Ledger, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return file.ReadToEnd().Split('\n');
    }

    [Fact]
    public void A_ledger_that_is_cut_goes_on_with_other_lines_and_whoever_has_the_old_one_open_writes_nowhere()
    {
        using (var ledger = LedgerFile.Open(run, plan))
        {
            for (var step = 1; step <= 5; step++)
                ledger.Append(Line(step, "wrong"));
            ledger.Append(Line(7, "early"));
            ledger.Flush();
            using (var late = LedgerFile.Open(run, plan))
            {
                ledger.Truncate(new Step(2));
                late.Append(Line(6, "late"));
                late.Flush();
            }
            Assert.Equal(new Step(2), ledger.Written);
            Assert.Equal("wrong2", ledger.Last!.Parameters);
            for (var step = 3; step <= 7; step++)
                Assert.True(ledger.Append(Line(step)));
            ledger.Flush();
            Assert.Equal(new Step(7), ledger.Written);
            ledger.Truncate(new Step(9));      // nothing lies behind it
            Assert.Equal(new Step(7), ledger.Written);
        }
        using var again = LedgerFile.Open(run, plan);
        Assert.Equal(new Step(7), again.Written);
        Assert.Equal("p7", again.Last!.Parameters);
        Assert.DoesNotContain(Text(), line => line.Contains("late", StringComparison.Ordinal) || line.Contains("wrong3", StringComparison.Ordinal));
    }

    [Fact]
    public void A_ledger_can_be_cut_to_its_head()
    {
        using var ledger = LedgerFile.Open(run, plan);
        ledger.Append(Line(1, "wrong"));
        ledger.Flush();
        ledger.Truncate(Step.Start);
        Assert.Null(ledger.Last);
        Assert.True(ledger.Append(Line(1)));
    }

    [Fact]
    public void Lines_that_come_early_wait_and_those_that_come_again_are_written_once()
    {
        using var ledger = LedgerFile.Open(run, plan);
        Assert.True(ledger.Append(Line(2)));
        Assert.False(ledger.Append(Line(2)));
        Assert.True(ledger.Append(Line(1)));
        Assert.False(ledger.Append(Line(1)));
        ledger.Flush();
        Assert.Equal(new Step(2), ledger.Written);
        Assert.Equal(4, Text().Length);
    }

    [Fact]
    public void A_step_that_ends_otherwise_than_written_is_a_broken_promise()
    {
        using var ledger = LedgerFile.Open(run, plan);
        ledger.Append(Line(1));
        Assert.Throws<BrokenInvariantException>(() => ledger.Append(Line(1, "q")));
    }

    [Fact]
    public void Half_a_line_from_a_crash_is_cut_off_and_the_chain_goes_on()
    {
        using (var ledger = LedgerFile.Open(run, plan))
            ledger.Append(Line(1));
        var whole = Text();
        File.AppendAllText(run.Ledger, whole[1][..30]);
        using (var ledger = LedgerFile.Open(run, plan))
        {
            Assert.Equal(new Step(1), ledger.Written);
            ledger.Append(Line(2));
        }
        var (_, chain) = LedgerChain.ReadHead(Text()[0], "1");
        (_, chain) = LedgerChain.ReadLine(chain, Text()[1], "2");
        Assert.Equal(2, LedgerChain.ReadLine(chain, Text()[2], "3").Line.Step);
    }

    [Fact]
    public void Two_activations_that_overlap_leave_one_whole_ledger()
    {
        using (var one = LedgerFile.Open(run, plan))
        using (var other = LedgerFile.Open(run, plan))
        {
            one.Append(Line(1));
            one.Append(Line(2));
            other.Append(Line(1));
            other.Append(Line(2));
            other.Append(Line(3));
            one.Append(Line(3));
            other.Append(Line(4));
            Assert.Throws<BrokenInvariantException>(() => one.Append(Line(4, "q")));
        }
        using var third = LedgerFile.Open(run, plan);
        Assert.Equal(new Step(4), third.Written);
    }
}
