using System.Text.Json;
using Orchestrator.Grains.Jobs;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Tests;

public class JobRecordTests
{
    [Fact]
    public void What_is_stored_of_a_job_reads_back_the_same()
    {
        var (a, b) = (new WorkerId("a", 0), new WorkerId("b", 1));
        var deal = new Deal(3, [new WorkerShare(a, [new LeafRange(0, 2)]), new WorkerShare(b, [new LeafRange(2, 3)])]);
        var state = new JobState
        {
            Phase = JobPhase.Mustering,
            Generation = new Generation(7),
            Workers = [new WorkerView(a, new Uri("http://a"), IsMember: true, Since: new Generation(2), new Standing(new Step(3), [new LeafRange(0, 1)])
            {
                Hedged = [new LeafRange(2, 3)], In = new Generation(6), Pace = 0.25,
                Audits = [new JobEvent.Audited(a, new Generation(6), new Step(3), [new LeafDigest(1, b, "x"), new LeafDigest(2, a, null)])],
            })],
            Deal = deal,
            Histories = [new WorkerHistory(a, Step.Start, 0.25), new WorkerHistory(b, null, null)],
            Audits = new AuditBook
            {
                Proven = new Step(2),
                Open = [new AuditedLeaf(new Step(3), 1, [new Statement(a, "x"), new Statement(b, "y")]) { Asked = b, AskedUntil = DateTimeOffset.UnixEpoch }],
            },
            Quarantined = [new Quarantined(b, new Step(3), "wrong")],
            WaysBack = [new WayBack(new Generation(5), new Step(2))],
            GoingBack = new Step(2),
            Contradiction = "differs",
        };
        var text = JsonSerializer.Serialize(new JobRecord { State = state }, GrainsSetup.Json);
        var back = JsonSerializer.Deserialize<JobRecord>(text, GrainsSetup.Json)!;
        Assert.Equal(text, JsonSerializer.Serialize(back, GrainsSetup.Json));
        Assert.Equal(state.Audits.Dispute!.Asked, back.State.Audits.Dispute!.Asked);
        Assert.Equal(new Generation(5), back.State.Since);
        Assert.Equal(state.Workers[0].Standing!.Audits[0].Leaves, back.State.Workers[0].Standing!.Audits[0].Leaves);
    }
}
