using CsCheck;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Protocol.Tests.Ledger;

public class LedgerChainTests
{
    static readonly LedgerHead head = LedgerHead.Of(Plans.Of(new() { Epochs = 2, GlobalBatchSize = 4, MicroBatchSize = 2 }, 40));

    static readonly Gen<LedgerLine[]> ledgers =
        (from loss in Gen.Double
         from rate in Gen.Double
         from norm in Gen.OneOf(Gen.Double, Gen.OneOf(0.0, -0.0, double.NaN, double.PositiveInfinity, double.Epsilon, double.MaxValue))
         from samples in Gen.Int[0, 100_000].Array[0, 8]
         from digest in Gen.String[Gen.Char["0123456789abcdef"], 64, 64]
         select new LedgerLine
         {
             Step = 1,
             Epoch = 0,
             Loss = loss,
             LearningRate = rate,
             GradientNorm = norm,
             Tokens = samples.Length * 100L,
             Supervised = samples.Length * 50L,
             Samples = samples,
             Parameters = digest,
         }).Array[1, 8].Select(lines => lines.Select((line, i) => line with { Step = i + 1 }).ToArray());

    [Fact]
    public void What_was_written_is_read()
        => ledgers.Sample(lines =>
        {
            var (read, broken) = Read(Write(lines));
            Assert.Equal(-1, broken);
            Assert.Equal(lines.Length, read.Count);
            foreach (var (was, now) in lines.Zip(read))
            {
                Assert.Equal(was with { Samples = [] }, now with { Samples = [] });
                Assert.Equal(was.Samples, now.Samples);
                Assert.Equal(BitConverter.DoubleToInt64Bits(was.GradientNorm) == BitConverter.DoubleToInt64Bits(-0.0), BitConverter.DoubleToInt64Bits(now.GradientNorm) == BitConverter.DoubleToInt64Bits(-0.0));
            }
        });

    [Fact]
    public void A_changed_character_breaks_the_chain_there()
        => Gen.Select(ledgers, Gen.Int[0, 1_000_000], Gen.Int[0, 1_000_000], Gen.Char[' ', '~']).Sample((lines, where, which, put) =>
        {
            var texts = Write(lines);
            var line = which % texts.Count;
            var at = where % texts[line].Length;
            if (texts[line][at] == put)
                return;
            texts[line] = texts[line][..at] + put + texts[line][(at + 1)..];
            Assert.Equal(line, Read(texts).Broken);
        });

    [Fact]
    public void A_line_cut_short_breaks_the_chain_there()
        => Gen.Select(ledgers, Gen.Int[0, 1_000_000], Gen.Int[0, 1_000_000]).Sample((lines, where, which) =>
        {
            var texts = Write(lines);
            var line = which % texts.Count;
            texts[line] = texts[line][..(where % texts[line].Length)];
            Assert.Equal(line, Read(texts).Broken);
        });

    [Fact]
    public void A_lost_line_breaks_the_chain_at_the_one_after_it()
        => Gen.Select(ledgers.Where(lines => lines.Length > 1), Gen.Int[0, 1_000_000]).Sample((lines, which) =>
        {
            var texts = Write(lines);
            var lost = which % (texts.Count - 1);
            texts.RemoveAt(lost);
            Assert.Equal(lost, Read(texts).Broken);
        });

    [Fact]
    public void A_moved_line_breaks_the_chain_at_its_new_place_or_where_it_is_missing()
        => Gen.Select(ledgers.Where(lines => lines.Length > 1), Gen.Int[0, 1_000_000], Gen.Int[0, 1_000_000]).Sample((lines, from, to) =>
        {
            var texts = Write(lines);
            (from, to) = (1 + from % (texts.Count - 1), 1 + to % (texts.Count - 1));
            if (from == to)
                return;
            var moved = texts[from];
            texts.RemoveAt(from);
            texts.Insert(to, moved);
            Assert.Equal(Math.Min(from, to), Read(texts).Broken);
        });

    [Fact]
    public void The_problem_names_the_place_and_the_way_out()
    {
        var problem = Assert.Single(Assert.Throws<ProblemException>(() => LedgerChain.ReadLine(LedgerChain.Start, "{}", "run/ledger.jsonl:7")).Problems);
        Assert.Equal("run/ledger.jsonl:7", problem.Place);
        Assert.Contains("checkpoint", problem.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_is_no_head_and_a_head_is_no_step()
    {
        var (text, chain) = LedgerChain.Append(LedgerChain.Start, head);
        Assert.Throws<ProblemException>(() => LedgerChain.ReadLine(LedgerChain.Start, text, "here"));
        Assert.Equal(head, LedgerChain.ReadHead(text, "here").Head);
        Assert.Equal(chain, LedgerChain.ReadHead(text, "here").Chain);
    }

    static List<string> Write(LedgerLine[] lines)
    {
        var (text, chain) = LedgerChain.Append(LedgerChain.Start, head);
        List<string> texts = [text];
        foreach (var line in lines)
        {
            (text, chain) = LedgerChain.Append(chain, line);
            texts.Add(text);
        }
        return texts;
    }

    // The lines that can be read, and where the chain breaks; -1 if nowhere.
    static (List<LedgerLine> Lines, int Broken) Read(List<string> texts)
    {
        var lines = new List<LedgerLine>();
        var chain = LedgerChain.Start;
        for (var i = 0; i < texts.Count; i++)
        {
            try
            {
                if (i == 0)
                {
                    chain = LedgerChain.ReadHead(texts[0], "ledger.jsonl:1").Chain;
                    continue;
                }
                (var line, chain) = LedgerChain.ReadLine(chain, texts[i], $"ledger.jsonl:{i + 1}");
                lines.Add(line);
            }
            catch (ProblemException problem)
            {
                Assert.Equal($"ledger.jsonl:{i + 1}", Assert.Single(problem.Problems).Place);
                return (lines, i);
            }
        }
        return (lines, -1);
    }
}
