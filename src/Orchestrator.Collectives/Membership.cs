using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Collectives;

/// <summary>A process that takes part.</summary>
/// <param name="Process">its name, for people</param>
/// <param name="Address">where its exchange listens, <c>http://10.0.0.7:5001</c>; not looked at in memory</param>
public sealed record Peer(string Process, Uri Address);

/// <summary>A generation as one of its processes sees it. All but <paramref name="Self"/> is equal on all of them.</summary>
/// <param name="Job">the job's name</param>
/// <param name="Generation">the generation's number; one process takes part in it once</param>
/// <param name="Peers">all processes, this one too, in the same order everywhere</param>
/// <param name="Self">this process's place among them</param>
/// <param name="MicroBatches">M, the micro-batches of every step</param>
/// <param name="Parameters">floats of the vector</param>
public sealed record Membership(string Job, Generation Generation, IReadOnlyList<Peer> Peers, int Self, int MicroBatches, int Parameters)
{
    /// <summary>Whether nobody else takes part.</summary>
    public bool IsAlone => Peers.Count == 1;

    internal string NameOf(int peer) => Peers[peer].Process;

    /// <exception cref="ArgumentException">the membership contradicts itself</exception>
    internal Membership Checked()
    {
        ArgumentException.ThrowIfNullOrEmpty(Job);
        ArgumentOutOfRangeException.ThrowIfLessThan(Peers.Count, 1, nameof(Peers));
        ArgumentOutOfRangeException.ThrowIfNegative(Self);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Self, Peers.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(MicroBatches, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(Parameters);
        return this;
    }
}
