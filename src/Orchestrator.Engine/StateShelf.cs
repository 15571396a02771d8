using System.Runtime.InteropServices;
using System.Text.Json;
using Orchestrator.Collectives;
using Orchestrator.Protocol.Coordination;
using CopiedState = Orchestrator.Collectives.ReplicaState;
using ReplicaState = Orchestrator.Learning.Training.ReplicaState;

namespace Orchestrator.Engine;

/// <summary>
/// The states that workers who begin a generation without one copy: each is put down once, by a worker that has it, before it computes on. It stays until the next
/// generation's comes, or the job leaves.
/// </summary>
public sealed class StateShelf(StateCopy copies)
{
    const string Parameters = "parameters";
    const string FirstMoments = "first_moments";
    const string SecondMoments = "second_moments";
    const string Unwritten = "unwritten";

    readonly Lock gate = new();
    readonly Dictionary<string, Place> places = [];

    internal void Put(string job, Generation generation, Step step, ReplicaState state, IReadOnlyList<StepReport> unwritten)
        => PlaceOf(job).Put(new Kept(generation, step, state, unwritten));

    // Waits until a worker of this process has put down the state of the generation.
    internal (ReplicaState State, IReadOnlyList<StepReport> Unwritten) Get(string job, Generation generation, Step step, TimeSpan patience, CancellationToken stop)
    {
        var kept = Wait(PlaceOf(job).Of(generation), patience, stop);
        return kept.Step == step ? (kept.State, kept.Unwritten)
            : throw new StateCopyException(job, $"it is of step {kept.Step}, not {step}");
    }

    // Copies from another process.
    internal (ReplicaState State, IReadOnlyList<StepReport> Unwritten) Fetch(ProcessAddress from, string job, Generation generation, Step step, int parameters, CancellationToken stop)
    {
        var copied = copies.Fetch(new Peer(from.Process, from.Exchange), job, generation, stop).GetAwaiter().GetResult();
        if (copied.Step != step)
            throw new StateCopyException(from.Process, $"it is of step {copied.Step}, not {step}");
        var state = new ReplicaState(parameters) { Step = step };
        Copy(Parameters, state.Parameters);
        Copy(FirstMoments, state.FirstMoments);
        Copy(SecondMoments, state.SecondMoments);
        return (state, JsonSerializer.Deserialize<List<StepReport>>(copied[Unwritten].Span)!);

        void Copy(string name, float[] into)
        {
            var bytes = copied[name].Span;
            if (bytes.Length != into.Length * sizeof(float))
                throw new StateCopyException(from.Process, $"{name} has {bytes.Length} bytes, not {into.Length * sizeof(float)}");
            bytes.CopyTo(MemoryMarshal.AsBytes(into.AsSpan()));
        }
    }

    internal void Clear(string job)
    {
        lock (gate)
        {
            if (places.Remove(job, out var place))
                place.Dispose();
        }
    }

    Place PlaceOf(string job)
    {
        lock (gate)
        {
            if (!places.TryGetValue(job, out var place))
                places.Add(job, place = new Place(copies, job));
            return place;
        }
    }

    static Kept Wait(Task<Kept> kept, TimeSpan patience, CancellationToken stop)
    {
        try
        {
            return kept.WaitAsync(patience, stop).GetAwaiter().GetResult();
        }
        catch (TimeoutException e)
        {
            throw new StateCopyException("this process", $"no worker put down the state within {patience}", e);
        }
    }

    sealed record Kept(Generation Generation, Step Step, ReplicaState State, IReadOnlyList<StepReport> Unwritten);

    sealed class Place : IDisposable
    {
        readonly Lock gate = new();
        readonly Dictionary<Generation, TaskCompletionSource<Kept>> kept = [];
        readonly IDisposable served;

        public Place(StateCopy copies, string job) => served = copies.Serve(job, async (generation, stop) => Blobs(await Of(generation).WaitAsync(stop)));

        public void Put(Kept state)
        {
            lock (gate)
            {
                foreach (var older in kept.Keys.Where(generation => generation < state.Generation).ToList())
                {
                    kept.Remove(older, out var waiting);
                    waiting!.TrySetCanceled();
                }
                Source(state.Generation).TrySetResult(state);
            }
        }

        public Task<Kept> Of(Generation generation)
        {
            lock (gate)
                return Source(generation).Task;
        }

        TaskCompletionSource<Kept> Source(Generation generation)
        {
            if (!kept.TryGetValue(generation, out var source))
                kept.Add(generation, source = new TaskCompletionSource<Kept>(TaskCreationOptions.RunContinuationsAsynchronously));
            return source;
        }

        static CopiedState Blobs(Kept kept) => new(kept.Step,
        [
            new StateBlob(Parameters, Bytes(kept.State.Parameters)),
            new StateBlob(FirstMoments, Bytes(kept.State.FirstMoments)),
            new StateBlob(SecondMoments, Bytes(kept.State.SecondMoments)),
            new StateBlob(Unwritten, JsonSerializer.SerializeToUtf8Bytes(kept.Unwritten)),
        ]);

        static byte[] Bytes(float[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

        public void Dispose()
        {
            served.Dispose();
            lock (gate)
            {
                foreach (var waiting in kept.Values)
                    waiting.TrySetCanceled();
            }
        }
    }
}
