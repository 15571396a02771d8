using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Grains.Jobs;
using Orchestrator.Grains.Scheduling;
using Orchestrator.Operator.Reconciling;
using Orchestrator.Operator.Resources;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Operator.Tests;

public class ReconcilerTests
{
    static readonly DateTimeOffset now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_resource_is_held_before_its_job_is_begun()
    {
        Assert.Equal(Deed.Hold, Decide(Resource() with { Metadata = Metadata(held: false) }, null).Deed);
        Assert.Equal(Deed.Submit, Decide(Resource(), null).Deed);
    }

    [Fact]
    public void Finalizers_of_others_stay()
    {
        var resource = Resource() with { Metadata = Metadata(held: false) with { Finalizers = ["somebody.else/holds"] } };
        Assert.Equal("""["somebody.else/holds","orchestrator.dev/cancel"]""", Decide(resource, null).Patch!["metadata"]!["finalizers"]!.ToJsonString());
        var going = resource with { Metadata = Metadata(held: true) with { Finalizers = ["somebody.else/holds", TrainingJob.Finalizer], DeletionTimestamp = now } };
        Assert.Equal("""["somebody.else/holds"]""", Decide(going, null).Patch!["metadata"]!["finalizers"]!.ToJsonString());
    }

    [Fact]
    public void A_resource_whose_spec_has_changed_has_its_way_and_one_that_has_not_follows_its_job()
    {
        var job = Job(workers: 5);
        Assert.Equal(Deed.Scale, Decide(Resource(workers: 3, generation: 2, seen: 1), job).Deed);
        var adopted = Decide(Resource(workers: 3, generation: 1, seen: 1), job);
        Assert.Equal((Deed.Adopt, 5), (adopted.Deed, (int)adopted.Patch!["spec"]!["workers"]!));
        Assert.Equal(Deed.Nothing, Decide(Resource(workers: 5, generation: 2, seen: 1), job).Deed);
    }

    [Fact]
    public void A_job_that_was_there_before_its_resource_takes_the_resource_s_number_of_workers()
        => Assert.Equal(Deed.Scale, Decide(Resource(workers: 3) with { Status = null }, Job(workers: 5)).Deed);

    [Theory]
    [InlineData(true, JobWish.Run, Deed.Suspend)]
    [InlineData(false, JobWish.Pause, Deed.Resume)]
    [InlineData(true, JobWish.Pause, Deed.Nothing)]
    [InlineData(true, JobWish.End, Deed.Nothing)]
    public void Suspension_goes_the_same_way(bool suspend, JobWish wish, Deed deed)
        => Assert.Equal(deed, Decide(Resource(suspend: suspend, generation: 2, seen: 1), Job(wish: wish)).Deed);

    [Theory]
    [InlineData(JobStage.Running, JobWish.Run, Deed.Cancel)]
    [InlineData(JobStage.Running, JobWish.End, Deed.Nothing)]
    [InlineData(JobStage.Cancelled, JobWish.End, Deed.Forget)]
    [InlineData(JobStage.Failed, JobWish.Run, Deed.Forget)]
    [InlineData(JobStage.Completed, JobWish.Run, Deed.Release)]
    public void What_is_deleted_is_cancelled_first_and_a_result_stays(JobStage stage, JobWish wish, Deed deed)
        => Assert.Equal(deed, Decide(Deleted(), Job(stage, wish: wish)).Deed);

    [Fact]
    public void Another_s_job_of_the_name_is_left_alone()
    {
        var other = Job() with { IsOurs = false };
        Assert.Equal(Deed.Release, Decide(Deleted(), other).Deed);
        var refused = Decide(Resource(), other);
        Assert.Equal((Deed.Nothing, "NameTaken"), (refused.Deed, refused.Status!["Accepted"]!.Reason));
        Assert.True(Assert.Single(Statuses.News(Resource(), refused.Status!)).IsWarning);
    }

    [Fact]
    public void A_spec_that_cannot_be_a_job_is_refused_with_everything_that_is_wrong()
    {
        var status = Decide(Resource() with { Status = null }, null, "spec.data.path: nothing found, records expected").Status!;
        Assert.Equal(("False", "SpecRefused", "spec.data.path: nothing found, records expected"), (status["Accepted"]!.Status, status["Accepted"]!.Reason, status.Reason));
        Assert.Null(status.Phase);
    }

    [Fact]
    public void A_job_that_was_deleted_after_its_end_is_not_begun_again()
        => Assert.Equal((Deed.Nothing, null), Decide(Resource() with { Status = Of(Job(JobStage.Completed)) }, null) is var decision ? (decision.Deed, decision.Status) : default);

    [Fact]
    public void A_condition_keeps_its_time_until_it_turns()
    {
        var queued = Of(Job(JobStage.Queued));
        var later = Statuses.Of(Resource() with { Status = queued }, Job(JobStage.Running), "app=workers", now.AddMinutes(5));
        Assert.Equal(now, later["Accepted"]!.LastTransitionTime);
        Assert.Equal(now.AddMinutes(5), later["Running"]!.LastTransitionTime);
        Assert.Equal(["Accepted", "Running"], later.Conditions.Where(condition => condition.Holds).Select(condition => condition.Type));
    }

    [Fact]
    public void No_condition_is_without_a_message()
        => Assert.All(Enum.GetValues<JobStage>().SelectMany(stage => Of(Job(stage) with { Now = null, Entry = Job(stage).Entry with { Reason = "" } }).Conditions), condition => Assert.NotEqual("", condition.Message));

    [Theory]
    [InlineData(JobStage.Running, "Running")]
    [InlineData(JobStage.Suspended, "Suspended")]
    [InlineData(JobStage.Completed, "Complete")]
    [InlineData(JobStage.Failed, "Failed")]
    [InlineData(JobStage.Cancelled, "Failed")]
    public void Each_phase_has_its_condition(JobStage stage, string condition)
        => Assert.Equal(["Accepted", condition], Of(Job(stage)).Conditions.Where(known => known.Holds).Select(known => known.Type));

    [Fact]
    public void A_patch_of_the_status_takes_away_what_is_not_said_any_more_and_names_its_version()
    {
        var before = Of(Job(JobStage.Running)) with { Position = 3, Remaining = "2m00s" };
        var resource = Resource() with { Status = before };
        var patch = Statuses.Patch(resource, before with { Position = null, Remaining = null });
        Assert.Equal("7", patch["metadata"]!["resourceVersion"]!.ToString());
        Assert.True(patch["status"]!.AsObject().ContainsKey("position") && patch["status"]!["position"] is null && patch["status"]!.AsObject().ContainsKey("remaining"));
    }

    [Fact]
    public void What_is_told_of_a_change_has_one_name_however_often_it_is_told()
    {
        var resource = Resource() with { Status = Of(Job(JobStage.Running)) };
        var next = Of(Job(JobStage.Completed));
        Assert.Equal(Statuses.News(resource, next), Statuses.News(resource, next));
        Assert.Equal(["Completed"], Statuses.News(resource, next).Select(notice => notice.Reason));
        Assert.Empty(Statuses.News(resource with { Status = next }, next));
    }

    [Fact]
    public void Every_member_of_a_status_is_one_that_the_definition_has()
    {
        var full = Of(Job(JobStage.Running)) with { Position = 1, Loss = 1, ValidationLoss = 1, TokensPerSecond = 1, Goodput = 1, Eta = now, Remaining = "1s", Kind = "k", Checkpoint = 1, Digest = "d", Started = now, Ended = now };
        var defined = Emulated.Definitions.Schema["properties"]!["status"]!["properties"]!.AsObject();
        Assert.Equal(defined.Select(member => member.Key).Order(), JsonSerializer.SerializeToNode(full, TrainingJob.Json)!.AsObject().Select(member => member.Key).Order());
    }

    [Fact]
    public void Pauses_double_up_to_a_bound()
    {
        Assert.Equal([0.25, 0.5, 1, 2, 4, 8, 16, 32, 60, 60], Enumerable.Range(1, 10).Select(failures => Backoff.After(failures).TotalSeconds));
    }

    static Decision Decide(TrainingJob resource, JobView? job, string? refusal = null) => Reconciler.Decide(resource, job, refusal, "app=workers", now);

    static TrainingJobStatus Of(JobView job) => Statuses.Of(Resource() with { Status = null }, job, "app=workers", now);

    static ResourceMetadata Metadata(bool held, long generation = 1) => new("team", "tiny", "u-1", "7", generation) { Finalizers = held ? [TrainingJob.Finalizer] : null };

    static TrainingJob Deleted() => Resource() with { Metadata = Metadata(held: true) with { DeletionTimestamp = now } };

    static TrainingJob Resource(int workers = 2, bool suspend = false, long generation = 1, long seen = 1) => new(Metadata(held: true, generation),
        new JsonObject { ["model"] = new JsonObject { ["path"] = "/models/tiny" }, ["workers"] = workers, ["suspend"] = suspend } is var spec ? JsonNode.Parse(spec.ToJsonString())!.AsObject() : [],
        new TrainingJobStatus { ObservedGeneration = seen, Conditions = [new Condition("Accepted", "True", "Submitted", "", now, seen)] });

    static JobView Job(JobStage stage = JobStage.Running, int workers = 2, JobWish wish = JobWish.Run)
    {
        var entry = new JobEntry("team", new JobSpec { Name = "tiny" }, "d-1", workers, JobPhase.Running, "trains", 0, [], now, now, null) { Stage = stage, Wish = wish };
        var told = new JobSnapshot(JobPhase.Running, "trains", new Step(12), new Step(40), new Generation(1), [new WorkerId("a", 0)], new Step(10), new Step(12), null) { Stage = stage };
        return new JobView(entry, told, IsOurs: true);
    }
}
