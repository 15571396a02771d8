using System.Diagnostics;
using System.Text;
using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Engine;
using Orchestrator.Protocol.Ledger;
using File = System.IO.File;

namespace Orchestrator.Harness;

/// <summary>A job of a cluster: what it says of itself through the API, and what it leaves on the disk that all see.</summary>
public sealed class ClusterJob(Cluster cluster, string space, string name)
{
    /// <summary>Longer than any job of a test takes on a machine that others use too.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>Where its files lie.</summary>
    public RunFolder Run { get; } = new(Path.Combine(cluster.Data, "jobs", space, name));

    /// <summary>How the log calls it.</summary>
    public string Key => space == "default" ? name : $"{space}/{name}";

    JobRequest Address => new() { Namespace = space, Name = name };

    /// <summary>The job as it is now.</summary>
    public Task<Job> Now() => cluster.Client.Ask((way, options) => new Jobs.JobsClient(way).GetAsync(Address, options));

    /// <summary>Steps whose line is on disk.</summary>
    public long Written => Math.Max(0, Lines().Length - 1);

    /// <summary>Waits until a step's line is on disk.</summary>
    public Task Reaches(long step, TimeSpan? within = null) => Eventually.Holds(() => Written >= step, within ?? Patience, $"{Key} reaches step {step}, it is at {Written}", cluster.Logs);

    /// <summary>Waits until it has gone so many steps further, or is over: on a machine that has nothing else to do it may be.</summary>
    public Task Goes(int steps, TimeSpan? within = null)
    {
        var goal = Written + steps;
        return Eventually.Holds(async () => Written >= goal || (await Now()).Phase is Phase.Completed or Phase.Failed or Phase.Cancelled, within ?? Patience,
            $"{Key} goes from step {goal - steps} to {goal}", cluster.Logs);
    }

    /// <summary>Waits until the API says something of the job.</summary>
    public Task Is(Func<Job, bool> condition, string what, TimeSpan? within = null)
        => Eventually.Holds(async () => condition(await Now()), within ?? Patience, $"{Key} {what}", cluster.Logs);

    /// <summary>Waits until it is over, and answers with the SHA-256 of its adapter.</summary>
    /// <exception cref="InvalidOperationException">it ended otherwise</exception>
    public async Task<string> Completed(TimeSpan? within = null)
    {
        Job? last = null;
        await Eventually.Holds(async () => (last = await Now()).Phase is Phase.Completed or Phase.Failed or Phase.Cancelled, within ?? Patience, $"{Key} is over; {last}", cluster.Logs);
        return last!.Phase == Phase.Completed ? last.AdapterSha256 : throw new InvalidOperationException($"{Key}: {last.Phase}: {last.Reason}{Environment.NewLine}{cluster.Logs()}");
    }

    /// <summary>Another number of workers.</summary>
    public Task<Job> Scale(int workers)
        => cluster.Client.Ask((way, options) => new Jobs.JobsClient(way).ScaleAsync(new ScaleRequest { Namespace = space, Name = name, Workers = workers }, options));

    /// <summary>Ends it without a result.</summary>
    public Task<Job> Cancel() => cluster.Client.Ask((way, options) => new Jobs.JobsClient(way).CancelAsync(Address, options));

    /// <summary>The server whose grain decides for the job.</summary>
    public async Task<ServerProcess> Decider() => cluster.Server((await Now()).Server);

    /// <summary>A server that computes for the job and does not decide for it.</summary>
    public async Task<ServerProcess> Bystander()
    {
        var decider = await Decider();
        var known = await cluster.Client.Ask((way, options) => new Workers.WorkersClient(way).ListAsync(new ListWorkersRequest(), options));
        return cluster.Server(known.Servers.First(server => server.Name != decider.Name && server.Workers.Any(worker => worker.Job == $"{space}/{name}")).Name);
    }

    /// <summary>Everything that has happened to it so far, from the event after a number on.</summary>
    public async Task<IReadOnlyList<Event>> Events(long after = 0)
    {
        List<Event> all = [];
        var request = new WatchRequest { Namespace = space, Name = name, After = after };
        var server = cluster.Servers.First(server => server.IsAlive).Api;
        using var call = new Jobs.JobsClient(cluster.Client.To(server)).Watch(request, deadline: DateTime.UtcNow + TimeSpan.FromSeconds(5));
        try
        {
            while (await call.ResponseStream.MoveNext())
                all.Add(call.ResponseStream.Current);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.DeadlineExceeded)
        {
            // it goes on; this is what there was
        }
        return all;
    }

    /// <summary>
    /// Waits for two steps more than there are now, and answers with the longest time in which no line came: from a fault on, that is how long the job stood still.
    /// </summary>
    public async Task<TimeSpan> LongestPause(TimeSpan? within = null)
    {
        var (longest, last, start) = (TimeSpan.Zero, Stopwatch.GetTimestamp(), Written);
        var seen = start;
        await Eventually.Holds(() =>
        {
            var now = Written;
            if (now == seen)
                return false;
            (longest, last, seen) = (Max(longest, Stopwatch.GetElapsedTime(last)), Stopwatch.GetTimestamp(), now);
            return now >= start + 2;
        }, within ?? Patience, $"{Key} goes on after step {start}", cluster.Logs);
        return longest;

        static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
    }

    /// <summary>Its ledger, every line of which follows from the one before, each step once and none missing.</summary>
    /// <exception cref="Protocol.ProblemException">it does not follow</exception>
    public IReadOnlyList<LedgerLine> Ledger() => ReadLedger(Lines(), Run.Ledger);

    internal static IReadOnlyList<LedgerLine> ReadLedger(string[] lines, string place)
    {
        List<LedgerLine> steps = [];
        var (_, chain) = LedgerChain.ReadHead(lines[0], place);
        foreach (var text in lines[1..])
        {
            (var line, chain) = LedgerChain.ReadLine(chain, text, place);
            steps.Add(line);
            if (line.Step != steps.Count)
                throw new InvalidOperationException($"{place}: step {line.Step} where {steps.Count} is due");
        }
        return steps;
    }

    // Whole lines only: another process is writing the last one.
    string[] Lines()
    {
        if (!File.Exists(Run.Ledger))
            return [];
        using var file = new FileStream(Run.Ledger, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file, Encoding.UTF8);
        var text = reader.ReadToEnd();
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
