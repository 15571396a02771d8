using Orchestrator.Learning.Training;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>
/// The threads of one worker, which run the same work on parts of their own and meet where one needs what another has made. What each number is a sum of, and in
/// which order, follows from how many members there are, never from who is faster.
/// </summary>
sealed class Team : IDisposable
{
    readonly Member[] members;
    readonly Thread[] helpers;
    readonly SemaphoreSlim[] begins;
    Action<Member>? work;
    int arrived;
    int finished;
    volatile Exception? failure;

    /// <param name="threads">the calling thread included, at least 1</param>
    public Team(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        members = [.. Enumerable.Range(0, threads).Select(index => new Member(this, index, threads))];
        begins = [.. Enumerable.Range(0, threads - 1).Select(_ => new SemaphoreSlim(0))];
        helpers = [.. Enumerable.Range(0, threads - 1).Select(index => new Thread(() => Help(members[index + 1], begins[index])) { IsBackground = true, Name = $"kernels {index + 1}" })];
        foreach (var helper in helpers)
            helper.Start();
    }

    /// <summary>How many threads it has.</summary>
    public int Count => members.Length;

    /// <summary>Every member does the work; the caller is the first of them. Returns when all are done.</summary>
    /// <exception cref="InvalidOperationException">a member failed; the inner exception says how</exception>
    public void Run(Action<Member> work)
    {
        this.work = work;
        failure = null;
        (arrived, finished) = (0, 0);
        // A part is one thread's: libtorch must not split it again.
        var threads = get_num_threads();
        if (threads != 1)
            set_num_threads(1);
        foreach (var begin in begins)
            begin.Release();
        Do(members[0]);
        var wait = new SpinWait();
        while (Volatile.Read(ref finished) < members.Length)
            wait.SpinOnce(sleep1Threshold: -1);
        if (threads != 1)
            set_num_threads(threads);
        if (failure is { } reason)
            throw new InvalidOperationException($"the kernels failed: {reason.Message}", reason);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        work = null;
        foreach (var begin in begins)
            begin.Release();
        foreach (var helper in helpers)
            helper.Join();
        foreach (var begin in begins)
            begin.Dispose();
    }

    void Help(Member member, SemaphoreSlim begin)
    {
        DeterministicTorch.EnterWorkerThread(1);
        for (begin.Wait(); work is not null; begin.Wait())
            Do(member);
    }

    void Do(Member member)
    {
        try
        {
            member.Begin();
            work!(member);
        }
        catch (Exception reason)
        {
            failure ??= reason;
        }
        Interlocked.Increment(ref finished);
    }

    // Counted, not sensed: the n-th meeting is over when n times all members have arrived. A member that failed makes the others stop at the next one.
    void Meet(Member member)
    {
        var all = member.NextMeeting() * members.Length;
        Interlocked.Increment(ref arrived);
        var wait = new SpinWait();
        while (Volatile.Read(ref arrived) < all)
        {
            if (failure is not null)
                throw new OperationCanceledException("another thread of the worker failed");
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>A thread of the team, and its part of the work.</summary>
    /// <param name="team">whose member it is</param>
    /// <param name="index">from 0</param>
    /// <param name="count">how many there are</param>
    internal sealed class Member(Team team, int index, int count)
    {
        int meeting;

        /// <summary>Which one, from 0.</summary>
        public int Index => index;

        /// <summary>Its part of so many things; the parts of all members are all of them.</summary>
        public Stretch Share(int things) => new Stretch(0, things).Part(index, count);

        /// <summary>Returns when all members have come here: what they wrote before can be read.</summary>
        public void Meet() => team.Meet(this);

        internal void Begin() => meeting = 0;

        internal int NextMeeting() => ++meeting;
    }
}
