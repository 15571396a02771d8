using Orchestrator.Protocol.Coordination;
using Told = Orchestrator.Protocol.Coordination.Order;

namespace Orchestrator.Protocol.Tests.Coordination;

public class ParticipantTests
{
    static readonly WorkerId me = new("a", 0);
    static readonly WorkerId other = new("b", 0);

    [Fact]
    public void A_worker_loads_stands_obtains_computes_exchanges_commits_and_stands_at_the_boundary()
    {
        var worker = new Participant(me);
        Assert.IsType<Turn.Wait>(worker.Next);
        worker.Take(new Told.Invite(Generation.None));
        Assert.IsType<Turn.Load>(worker.Next);
        worker.Loaded();
        Assert.Null(Assert.IsType<Turn.Stand>(worker.Next).Standing.Committed);
        worker.Told();
        Assert.IsType<Turn.Wait>(worker.Next);
        worker.Take(Begin(1, from: 0, through: 2, mine: [0, 1], source: new StateSource.Checkpoint(Step.Start)));
        Assert.Equal(new Turn.Obtain(Step.Start, new StateSource.Checkpoint(Step.Start)), worker.Next);
        worker.Obtained(Step.Start);
        for (var step = new Step(1); step <= new Step(2); step = step.Next)
        {
            Assert.Equal(new Turn.Compute(step, 0), worker.Next);
            worker.Computed(0);
            Assert.Equal(new Turn.Compute(step, 1), worker.Next);
            worker.Computed(1);
            Assert.Equal(new Turn.Exchange(step, StopWish.None), worker.Next);
            worker.Reduced(StopWish.None);
            Assert.Equal(new Turn.Commit(step), worker.Next);
            worker.Commit();
        }
        var stand = Assert.IsType<Turn.Stand>(worker.Next);
        Assert.Equal(new Step(2), stand.Standing.Committed);
        Assert.Empty(stand.Standing.Held);
    }

    [Fact]
    public void What_is_finished_when_a_muster_comes_is_held_and_not_computed_again()
    {
        var worker = Running(mine: [0, 1, 2]);
        worker.Computed(0);
        worker.Computed(1);
        worker.Take(new Told.Muster(new Generation(2)));
        Assert.Equal([new LeafRange(0, 2)], Assert.IsType<Turn.Stand>(worker.Next).Standing.Held);
        worker.Told();
        worker.Take(Begin(3, from: 0, through: 9, mine: [0, 1, 3], source: new StateSource.Own()));
        Assert.Equal(new Turn.Compute(new Step(1), 3), worker.Next);
    }

    [Fact]
    public void What_the_process_forgot_is_computed_again_and_what_it_holds_is_not()
    {
        var worker = Running(mine: [0, 1]);
        worker.Computed(0);
        worker.Take(new Told.Muster(new Generation(2)));
        worker.Told();
        worker.Take(Begin(3, from: 0, through: 9, mine: [0, 1, 2], source: new StateSource.Own()));
        worker.Forgot(0);
        worker.Computed(2);      // by another worker of the process, before it was lost
        Assert.Equal(new Turn.Compute(new Step(1), 0), worker.Next);
        worker.Computed(0);
        Assert.Equal(new Turn.Compute(new Step(1), 1), worker.Next);
        worker.Computed(1);
        Assert.IsType<Turn.Exchange>(worker.Next);
    }

    [Fact]
    public void What_the_process_holds_counts_even_before_the_state_is_obtained()
    {
        var worker = new Participant(me);
        worker.Take(Begin(1, from: 4, through: 9, mine: [0, 1], source: new StateSource.Checkpoint(new Step(4))));
        worker.Computed(0);
        worker.Loaded();
        Assert.IsType<Turn.Obtain>(worker.Next);
        worker.Obtained(new Step(4));
        Assert.Equal(new Turn.Compute(new Step(5), 1), worker.Next);
    }

    [Fact]
    public void A_sum_that_is_complete_comes_into_force_though_a_muster_came_meanwhile()
    {
        var worker = Running(mine: []);
        worker.Reduced(StopWish.None);
        worker.Take(new Told.Muster(new Generation(2)));
        Assert.Equal(new Turn.Commit(new Step(1)), worker.Next);
        worker.Commit();
        Assert.Equal(new Step(1), Assert.IsType<Turn.Stand>(worker.Next).Standing.Committed);
    }

    [Fact]
    public void A_sum_that_is_not_in_force_when_the_next_generation_begins_never_will_be()
    {
        var worker = Running(mine: []);
        worker.Reduced(StopWish.None);
        worker.Take(Begin(2, from: 0, through: 9, mine: [0], source: new StateSource.Own()));
        Assert.Equal(new Turn.Compute(new Step(1), 0), worker.Next);
        Assert.Equal(2, Assert.Throws<BrokenInvariantException>(worker.Commit).Number);
    }

    [Fact]
    public void Orders_of_an_older_generation_and_repeated_ones_change_nothing()
    {
        var worker = Running(mine: [0]);
        worker.Take(new Told.Muster(new Generation(5)));
        worker.Told();
        var again = Begin(6, from: 0, through: 9, mine: [0], source: new StateSource.Own());
        Assert.True(worker.Take(again));
        worker.Computed(0);
        foreach (var late in (Told[])[again, new Told.Muster(new Generation(6)), new Told.Muster(new Generation(5)), new Told.Invite(new Generation(6)),
            new Told.Halt(new Generation(5), StopWish.Drain), new Told.Release(new Generation(5)), new Told.Write(new Generation(6), Step.Start)])
        {
            Assert.False(worker.Take(late));
            Assert.False(worker.IsInterruptedBy(late));
            Assert.Equal(new Turn.Exchange(new Step(1), StopWish.None), worker.Next);
        }
    }

    [Fact]
    public void A_wish_goes_with_the_next_exchange_and_stops_after_the_step_in_which_all_heard_it()
    {
        var worker = Running(mine: []);
        worker.Take(new Told.Halt(new Generation(1), StopWish.Resize));
        Assert.Equal(new Turn.Exchange(new Step(1), StopWish.Resize), worker.Next);
        worker.Reduced(StopWish.Resize | StopWish.Drain);
        worker.Commit();
        Assert.IsType<Turn.Stand>(worker.Next);
    }

    [Fact]
    public void A_wish_that_comes_before_its_generation_begins_is_kept()
    {
        var worker = new Participant(me);
        Assert.True(worker.Take(new Told.Halt(new Generation(1), StopWish.Resize)));
        worker.Take(Begin(1, from: 0, through: 9, mine: [], source: new StateSource.Checkpoint(Step.Start)));
        worker.Loaded();
        worker.Obtained(Step.Start);
        Assert.Equal(new Turn.Exchange(new Step(1), StopWish.Resize), worker.Next);
    }

    [Fact]
    public void A_worker_that_lacks_the_state_it_is_said_to_have_complains()
    {
        var worker = new Participant(me);
        worker.Take(Begin(7, from: 3, through: 9, mine: [0], source: new StateSource.Own()));
        Assert.Equal(new Generation(7), Assert.IsType<Turn.Complain>(worker.Next).Generation);
        worker.Told();
        worker.Take(new Told.Muster(new Generation(8)));
        worker.Loaded();
        Assert.Null(Assert.IsType<Turn.Stand>(worker.Next).Standing.Committed);
    }

    [Fact]
    public void A_worker_that_was_released_can_be_invited_again_only_as_another()
    {
        var worker = Running(mine: [0]);
        worker.Take(new Told.Release(new Generation(1)));
        Assert.IsType<Turn.Leave>(worker.Next);
        Assert.False(worker.Take(new Told.Invite(new Generation(2))));
        Assert.IsType<Turn.Leave>(worker.Next);
    }

    [Fact]
    public void A_late_release_does_not_undo_a_newer_invitation()
    {
        var worker = new Participant(me);
        worker.Take(new Told.Invite(new Generation(6)));
        Assert.False(worker.Take(new Told.Release(new Generation(5))));
        Assert.IsType<Turn.Load>(worker.Next);
    }

    [Fact]
    public void A_newer_invitation_ends_the_part_in_a_generation_that_went_on_without_it()
    {
        var worker = Running(mine: [0]);
        Assert.True(worker.IsInterruptedBy(new Told.Invite(new Generation(4))));
        worker.Take(new Told.Invite(new Generation(4)));
        Assert.Equal(new Generation(4), Assert.IsType<Turn.Stand>(worker.Next).Generation);
        worker.Told();
        Assert.True(worker.Take(new Told.Invite(new Generation(4))));      // whoever heard it first may be gone
        Assert.IsType<Turn.Stand>(worker.Next);
    }

    [Fact]
    public void A_standing_worker_writes_the_checkpoint_of_its_step()
    {
        var worker = Running(mine: []);
        worker.Take(new Told.Muster(new Generation(2)));
        worker.Told();
        Assert.False(worker.Take(new Told.Write(new Generation(2), new Step(3))));
        Assert.True(worker.Take(new Told.Write(new Generation(2), Step.Start)));
        Assert.Equal(new Turn.Write(Step.Start), worker.Next);
        worker.Wrote();
        Assert.IsType<Turn.Wait>(worker.Next);
    }

    [Fact]
    public void What_it_computes_in_anothers_place_is_held_beside_and_counts_when_it_is_dealt()
    {
        var worker = Running(mine: [0, 1]);
        worker.Computed(0);
        Assert.Null(worker.Hedge(_ => false));      // its own come first
        worker.Computed(1);
        Assert.Equal(3, worker.Hedge(_ => false));
        worker.Hedged(3);
        Assert.Equal(2, worker.Hedge(_ => false));
        worker.Take(new Told.Muster(new Generation(2)));
        var standing = Assert.IsType<Turn.Stand>(worker.Next).Standing;
        Assert.Equal([new LeafRange(0, 2)], standing.Held);
        Assert.Equal([new LeafRange(3, 4)], standing.Hedged);
        worker.Told();
        worker.Take(Begin(3, from: 0, through: 9, mine: [0, 1, 3], source: new StateSource.Own()));
        Assert.Equal(new Turn.Exchange(new Step(1), StopWish.None), worker.Next);
    }

    [Fact]
    public void What_it_computed_in_anothers_place_is_forgotten_with_the_step()
    {
        var worker = Running(mine: [0]);
        worker.Computed(0);
        worker.Hedged(1);
        worker.Reduced(StopWish.None);
        worker.Commit();
        worker.Take(new Told.Muster(new Generation(2)));
        Assert.Empty(Assert.IsType<Turn.Stand>(worker.Next).Standing.Hedged);
    }

    [Fact]
    public void It_audits_after_its_own_share_and_before_the_exchange()
    {
        var worker = new Participant(me, new AuditRule(0, 1));
        worker.Take(Begin(1, from: 0, through: 9, mine: [0, 1], source: new StateSource.Checkpoint(Step.Start)));
        worker.Loaded();
        worker.Obtained(Step.Start);
        worker.Computed(0);
        worker.Computed(1);
        Assert.Equal(new Turn.Audit(new Step(1), 2), worker.Next);
        worker.Audited(2);
        Assert.Equal(new Turn.Audit(new Step(1), 3), worker.Next);
        worker.Audited(3);
        Assert.IsType<Turn.Exchange>(worker.Next);
    }

    // A seed of the simulator: a sum that came into force behind the next muster was taken for one of the new generation, after the job had gone back.
    [Fact]
    public void A_step_that_comes_into_force_after_the_next_muster_is_of_the_generation_that_computed_it()
    {
        var worker = Running(mine: []);
        worker.Reduced(StopWish.None);
        worker.Take(new Told.Muster(new Generation(7)));
        worker.Commit();
        Assert.Equal(new Generation(1), worker.In);
        Assert.Equal(new Generation(1), Assert.IsType<Turn.Stand>(worker.Next).Standing.In);
    }

    [Fact]
    public void What_was_computed_before_the_job_went_back_does_not_count_even_at_the_same_step()
    {
        var worker = Running(mine: [0]);
        worker.Computed(0);
        worker.Take(new Told.Muster(new Generation(2)));
        worker.Told();
        worker.Take(Begin(3, from: 0, through: 9, mine: [0], source: new StateSource.Checkpoint(Step.Start)) with { Since = new Generation(2) });
        Assert.IsType<Turn.Obtain>(worker.Next);
        worker.Obtained(Step.Start);
        Assert.Equal(new Turn.Compute(new Step(1), 0), worker.Next);
    }

    [Fact]
    public void It_computes_a_past_micro_batch_once_more_whatever_else_is_to_do()
    {
        var worker = Running(mine: [0]);
        Assert.True(worker.Take(new Told.Recompute(new Generation(1), new Step(1), 3)));
        Assert.False(worker.Take(new Told.Recompute(new Generation(1), new Step(1), 3)));
        Assert.Equal(new Turn.Recompute(new Step(1), 3), worker.Next);
        worker.Recomputed();
        Assert.Equal(new Turn.Compute(new Step(1), 0), worker.Next);
    }

    // In generation 1, with the state of step 0.
    static Participant Running(int[] mine)
    {
        var worker = new Participant(me);
        worker.Take(Begin(1, from: 0, through: 9, mine, source: new StateSource.Checkpoint(Step.Start)));
        worker.Loaded();
        worker.Obtained(Step.Start);
        return worker;
    }

    static Told.Begin Begin(long generation, long from, long through, int[] mine, StateSource source)
    {
        var deal = new Deal(4, [new WorkerShare(me, LeafRange.Of(mine)), new WorkerShare(other, LeafRange.Of(Enumerable.Range(0, 4).Except(mine)))]);
        return new Told.Begin(new Generation(generation), new Step(from), source, [new ProcessAddress("a", new Uri("http://a")), new ProcessAddress("b", new Uri("http://b"))],
            deal, deal, new Step(through), Serves: false);
    }
}
