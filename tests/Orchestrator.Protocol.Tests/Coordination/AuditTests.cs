using CsCheck;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Protocol.Tests.Coordination;

public class AuditTests
{
    static readonly WorkerId a = new("a", 0), b = new("b", 0), c = new("c", 0), d = new("d", 0);

    static readonly Gen<Deal> deals = Gen.Select(Gen.Int[1, 40], Gen.Int[1, 3].Array[1, 5]).Select((microBatches, slots) => Dealer.Contiguous(microBatches,
        [.. slots.SelectMany((count, p) => Enumerable.Range(0, count).Select(slot => new WorkerSpeed(new WorkerId($"p{p}", slot), 1)))]));

    [Fact]
    public void Everything_is_audited_once_by_another_process_where_there_is_one()
        => Gen.Select(deals, Gen.Long[1, 1000]).Sample((deal, step) =>
        {
            var rule = new AuditRule(Seed: 7, Share: 1);
            var audits = deal.Shares.SelectMany(share => rule.Of(deal, new Step(step), share.Worker).Select(m => (share.Worker, m))).ToList();
            Assert.Equal(deal.Shares.Count == 1 ? [] : Enumerable.Range(0, deal.MicroBatches), audits.Select(audit => audit.m).Order());
            foreach (var (worker, m) in audits)
            {
                var owner = deal.Shares.Single(share => share.MicroBatches.Contains(m)).Worker;
                Assert.NotEqual(owner, worker);
                Assert.True(owner.Silo != worker.Silo || deal.Shares.All(share => share.Worker.Silo == owner.Silo));
            }
        });

    [Fact]
    public void The_share_that_is_audited_is_the_share_that_was_asked_for_and_the_same_every_time()
    {
        var rule = new AuditRule(Seed: 3, Share: 0.2);
        var selected = Enumerable.Range(1, 500).SelectMany(step => Enumerable.Range(0, 20).Where(m => rule.Selects(new Step(step), m))).Count();
        Assert.InRange(selected, 1_800, 2_200);
        Assert.Equal(rule.Selects(new Step(5), 3), new AuditRule(3, 0.2).Selects(new Step(5), 3));
        Assert.False(AuditRule.None.Selects(new Step(1), 0));
    }

    static AuditedLeaf Said(params (WorkerId Worker, string? Digest)[] statements) => new(new Step(1), 0, [.. statements.Select(said => new Statement(said.Worker, said.Digest))]);

    [Fact]
    public void A_third_is_asked_of_another_process_and_the_one_that_is_alone_is_wrong()
    {
        Assert.Equal(c, Verdict.On(Said((a, "x"), (b, "y")), [a, new WorkerId("a", 1), b, c]).Ask);
        var verdict = Verdict.On(Said((a, "x"), (b, "y"), (c, "y")), [a, b, c]);
        Assert.Equal([a], verdict.Wrong);
        Assert.True(verdict.IsCertain);
    }

    [Fact]
    public void Where_three_say_three_things_a_fourth_decides()
    {
        Assert.Equal(d, Verdict.On(Said((a, "x"), (b, "y"), (c, "z")), [a, b, c, d]).Ask);
        Assert.Equal([a, c], Verdict.On(Said((a, "x"), (b, "y"), (c, "z"), (d, "y")), [a, b, c, d]).Wrong);
    }

    [Fact]
    public void Of_two_the_one_that_does_not_repeat_itself_is_wrong()
    {
        Assert.Equal(a, Verdict.On(Said((a, "x"), (b, "y")), [a, b]).Ask);
        Assert.Equal([a], Verdict.On(Said((a, "x"), (b, "y"), (a, "y")), [a, b]).Wrong);
        Assert.Equal(b, Verdict.On(Said((a, "x"), (b, "y"), (a, "x")), [a, b]).Ask);
        Assert.Equal([b], Verdict.On(Said((a, "x"), (b, "y"), (a, "x"), (b, "x")), [a, b]).Wrong);
    }

    [Fact]
    public void Two_that_repeat_themselves_are_both_not_believed_and_it_is_said_so()
    {
        var verdict = Verdict.On(Said((a, "x"), (b, "y"), (a, "x"), (b, "y")), [a, b]);
        Assert.Equal([a, b], verdict.Wrong);
        Assert.False(verdict.IsCertain);
    }

    [Fact]
    public void A_witness_that_cannot_answer_is_not_asked_again_and_accused_of_nothing()
    {
        Assert.Equal(d, Verdict.On(Said((a, "x"), (b, "y"), (c, null)), [a, b, c, d]).Ask);
        Assert.Equal([a, b], Verdict.On(Said((a, "x"), (b, "y"), (c, null)), [c]).Wrong);
    }

    [Fact]
    public void A_step_is_proven_when_two_agree_in_each_of_its_micro_batches_and_all_before_are()
    {
        var book = AuditBook.Empty;
        JobEvent.Audited Told(WorkerId worker, long step, params int[] leaves) => new(worker, new Generation(1), new Step(step), [.. leaves.Select(m => new LeafDigest(m, worker, $"{step}.{m}"))]);
        book = book.With(Told(a, 1, 0, 1), 2, Step.Start).With(Told(b, 1, 0), 2, Step.Start).With(Told(a, 2, 0, 1), 2, Step.Start).With(Told(b, 2, 0, 1), 2, Step.Start);
        Assert.Equal(Step.Start, book.Proven);
        Assert.Same(book, book.With(Told(b, 1, 0), 2, Step.Start));      // the same again
        book = book.With(Told(b, 1, 1), 2, Step.Start);
        Assert.Equal(new Step(2), book.Proven);
        Assert.Empty(book.Open);
        Assert.Null(book.Dispute);
    }
}
