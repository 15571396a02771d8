using System.Collections.Concurrent;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>
/// One worker of one job: a thread of its own, a participant that says what to do next, and a replica that does it. Orders come from other threads; only those that
/// end a generation interrupt a wait, and nothing interrupts a micro-batch.
/// </summary>
sealed class WorkerSlot : IDisposable
{
    readonly ConcurrentQueue<Order> inbox = new();
    readonly SemaphoreSlim arrived = new(0);
    readonly CancellationTokenSource closing = new();
    readonly Lock gate = new();
    readonly TrainingLoop loop;
    readonly Thread thread;
    CancellationTokenSource generationEnds = new();

    /// <param name="me">the worker</param>
    /// <param name="presence">the job in this process</param>
    /// <param name="reports">the way to the job</param>
    public WorkerSlot(WorkerId me, JobPresence presence, IJobReports reports)
    {
        Me = me;
        loop = new TrainingLoop(me, presence, reports);
        thread = new Thread(Run) { Name = $"worker {me} of {presence.Job.Name}", IsBackground = true };
    }

    /// <summary>The worker.</summary>
    public WorkerId Me { get; }

    /// <summary>Called on the slot's thread when it has left its job.</summary>
    public Action<WorkerSlot>? Left { get; set; }

    /// <summary>Starts the thread.</summary>
    public void Start() => thread.Start();

    /// <summary>Hands an order over; it is taken before the next micro-batch.</summary>
    public void Post(Order order)
    {
        inbox.Enqueue(order);
        if (loop.IsInterruptedBy(order))
        {
            lock (gate)
                generationEnds.Cancel();
        }
        arrived.Release();
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
        Stop();
    }

    void Run()
    {
        try
        {
            while (!closing.IsCancellationRequested)
            {
                var stop = Renew();
                while (inbox.TryDequeue(out var order))
                    loop.Take(order);
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
            Left?.Invoke(this);
        }
    }

    // A token for the waits of this turn. Orders that came before it are in the inbox by now and are taken first.
    CancellationToken Renew()
    {
        lock (gate)
        {
            if (generationEnds.IsCancellationRequested)
            {
                generationEnds.Dispose();
                generationEnds = CancellationTokenSource.CreateLinkedTokenSource(closing.Token);
            }
            return generationEnds.Token;
        }
    }

    void Stop()
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
    }
}
