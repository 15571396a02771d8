using Orchestrator.Engine.Telemetry;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>
/// One worker of one job: a thread of its own, a participant that says what to do next, and a replica that does it. Orders come from other threads; only those that
/// end a generation interrupt a wait, and nothing interrupts a micro-batch.
/// </summary>
sealed class WorkerSlot : IDisposable
{
    readonly Queue<Order> inbox = new();
    readonly SemaphoreSlim arrived = new(0);
    readonly CancellationTokenSource closing = new();
    readonly Lock gate = new();
    readonly TrainingLoop loop;
    readonly WorkerClock clock;
    readonly Thread thread;
    CancellationTokenSource generationEnds = new();
    Generation hangsIn = new(-1);      // the newest generation in which it was told that this worker hangs

    /// <param name="me">the worker</param>
    /// <param name="presence">the job in this process</param>
    /// <param name="reports">the way to the job</param>
    public WorkerSlot(WorkerId me, JobPresence presence, IJobReports reports)
    {
        (Me, Presence, Reports) = (me, presence, reports);
        clock = new WorkerClock(me);
        loop = new TrainingLoop(me, presence, reports, clock);
        reports.Follow(clock);
        thread = new Thread(Run) { Name = $"worker {me} of {presence.Job.Name}", IsBackground = true };
    }

    /// <summary>The worker.</summary>
    public WorkerId Me { get; }

    /// <summary>The job in this process.</summary>
    public JobPresence Presence { get; }

    /// <summary>The way to the job.</summary>
    public IJobReports Reports { get; }

    /// <summary>Called on the slot's thread when it has left its job.</summary>
    public Action<WorkerSlot>? Left { get; set; }

    /// <summary>Starts the thread.</summary>
    public void Start() => thread.Start();

    /// <summary>Hands an order over; it is taken before the next micro-batch.</summary>
    /// <param name="order">the order</param>
    /// <param name="trace">the span that it came with</param>
    public void Post(Order order, string? trace = null)
    {
        lock (gate)
        {
            if (order is Order.Begin)
                loop.Trace = trace;
            inbox.Enqueue(order);
            if (loop.IsInterruptedBy(order))      // under the same lock as the taking: else it could cancel a wait of the very generation that it began
                generationEnds.Cancel();
        }
        arrived.Release();
    }

    /// <summary>The orders that came too late for this worker: whoever takes its place begins with them.</summary>
    public IReadOnlyList<Order> Unread
    {
        get
        {
            lock (gate)
                return [.. inbox];
        }
    }

    /// <summary>
    /// Looks whether the thread hangs, and tells so in each generation that the worker was told of meanwhile: it cannot say itself that it takes no part. Called every
    /// <see cref="HangWatch.Period"/>, by one thread at a time.
    /// </summary>
    public void LookAfter()
    {
        if (!loop.Watch.Look())
            return;
        Generation newest;
        lock (gate)
            newest = inbox.Select(order => order.Generation).Append(loop.Generation).MaxBy(generation => generation.Number);
        if (newest <= hangsIn)
            return;
        hangsIn = newest;
        loop.TellThatItHangs(newest);
    }

    /// <summary>The job has written the ledger up to this step.</summary>
    public void Acknowledge(Step written) => loop.Acknowledge(written);

    /// <summary>Whether it ended as the death of its process would end it.</summary>
    public bool IsVanished { get; private set; }

    /// <summary>The newest generation the worker has heard of.</summary>
    public Generation Generation => loop.Generation;

    /// <summary>Ends the thread without a word of the participant's.</summary>
    public void Vanish()
    {
        IsVanished = true;
        loop.Vanish();
        clock.Silence();
        Stop();
    }

    void Run()
    {
        try
        {
            Presence.After.Wait(closing.Token);
            while (!closing.IsCancellationRequested)
            {
                var stop = TakeOrders();
                if (loop.TakeTurn(stop) is Turn.Leave)
                    break;
                if (loop.IsIdle)
                    arrived.Wait(closing.Token);
            }
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested)
        {
        }
        finally
        {
            loop.Dispose();
            clock.Stop();
            Left?.Invoke(this);
        }
    }

    // What follows a release is for another worker of this name. The token is for the waits of this turn: no order that was taken here cancels it any more.
    CancellationToken TakeOrders()
    {
        lock (gate)
        {
            while (!loop.IsReleased && inbox.TryDequeue(out var order))
                loop.Take(order);
            if (generationEnds.IsCancellationRequested)
            {
                generationEnds.Dispose();
                generationEnds = CancellationTokenSource.CreateLinkedTokenSource(closing.Token);
            }
            return generationEnds.Token;
        }
    }

    /// <summary>Ends the thread after the micro-batch in hand, without waiting for it.</summary>
    public void Stop()
    {
        closing.Cancel();
        lock (gate)
            generationEnds.Cancel();
        arrived.Release();
    }

    /// <summary>Stops at once and waits for the thread.</summary>
    public void Dispose()
    {
        Stop();
        if (thread.IsAlive && Thread.CurrentThread != thread)
            thread.Join();
        arrived.Dispose();
        closing.Dispose();
        generationEnds.Dispose();
    }
}
