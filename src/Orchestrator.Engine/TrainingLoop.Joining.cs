using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Order = Orchestrator.Protocol.Coordination.Order;

namespace Orchestrator.Engine;

/// <content>How a worker comes into a generation: it loads, says what it has, joins, and obtains the state that it lacks.</content>
sealed partial class TrainingLoop
{
    void Load()
    {
        times.Enter(WorkerState.Load);
        replica = presence.NewReplica(me.Slot);
        participant.Loaded();
    }

    void Stand(Turn.Stand stand)
    {
        outbox.TellAgain();
        replica?.ReleaseActivations();      // an evaluation may come, and needs its own
        outbox.Tell(new JobEvent.Stood(me, stand.Generation, stand.Standing));
        participant.Told();
    }

    // What was finished of the step in hand stays where the new deal leaves it to this process; what does not is computed again.
    void Enter(Order.Begin begin)
    {
        entering = null;
        if (participant.Committed != begin.Base)
            audited.Clear();
        times.Join();
        presence.Reduction.Enter(begin);
        pace.TellAgain();
        times.Joined(presence.Reduction.Holds);
        foreach (var m in begin.First.Of(me).MicroBatches)
        {
            if (presence.Reduction.Holds(m))
                participant.Computed(m);
            else
                participant.Forgot(m);
        }
        if (begin.Serves && begin.Source is StateSource.Own)
            presence.Serve(begin.Generation, begin.Base, replica!, outbox.Unwritten);
    }

    void Obtain(Turn.Obtain obtain, CancellationToken stop)
    {
        IReadOnlyList<StepReport> lines;
        try
        {
            lines = presence.Obtain(obtain, participant.Generation, replica!, me.Slot, stop);
        }
        catch (Exception damage) when (obtain.Source is StateSource.Checkpoint && damage is ProblemException or IOException or UnauthorizedAccessException)
        {
            outbox.Tell(new JobEvent.Damaged(me, participant.Generation, obtain.Step, damage.Message));
            participant.Withdraw();
            return;
        }
        outbox.Replace(lines);
        past.Clear();
        plan = null;
        times.Resting = WorkerState.Recovery;
        participant.Obtained(obtain.Step);
    }
}
