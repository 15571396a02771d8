using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Orchestrator.Engine;
using Orchestrator.Protocol;

namespace Orchestrator.Grains.Jobs;

/// <summary>
/// <c>events.jsonl</c>: everything that happened to a job, a line an event, numbered by their order. A batch is written at the end that this activation knows, under a lock and flushed before it
/// is shown; where the file has grown meanwhile, another activation carries on and this one has to end. So a number means the same event to every reader, whoever wrote it.
/// </summary>
sealed class EventFile : IJobEvents
{
    const int AnsweredMax = 1_000;
    const int LockTriesMax = 200;      // of 5 ms: a second

    readonly SafeFileHandle file;
    readonly string path;
    readonly string lockPath;
    readonly TimeProvider clock;
    readonly List<long> ends = [];      // of event 1, 2, …: what is durable
    readonly List<JobNews> queued = [];

    EventFile(SafeFileHandle file, string path, string lockPath, TimeProvider clock) => (this.file, this.path, this.lockPath, this.clock) = (file, path, lockPath, clock);

    /// <summary>The last number that is durable.</summary>
    public long Count => ends.Count;

    /// <inheritdoc/>
    public long LastStep { get; private set; }

    /// <summary>The last checkpoint that was posted.</summary>
    public long LastCheckpoint { get; private set; }

    /// <summary>Steps whose evaluation was posted.</summary>
    public HashSet<long> Evaluated { get; } = [];

    /// <inheritdoc/>
    public JobDecisionNews? LastDecision { get; private set; }

    /// <summary>Opens the events of a run, or begins them. Half a line at their end, from a crash, is cut off.</summary>
    public static EventFile Open(RunFolder run, TimeProvider clock)
    {
        Directory.CreateDirectory(run.State);
        var lockPath = Path.Combine(run.State, "events.lock");
        var handle = File.OpenHandle(run.Events, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        var events = new EventFile(handle, run.Events, lockPath, clock);
        try
        {
            using var alone = events.Lock();
            events.Read();
            return events;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    void Read()
    {
        var bytes = new byte[RandomAccess.GetLength(file)];
        var read = 0;
        for (int got; read < bytes.Length && (got = RandomAccess.Read(file, bytes.AsSpan(read), read)) > 0; read += got)
        {
        }
        var start = 0;
        for (var end = Array.IndexOf(bytes, (byte)'\n'); end >= 0; end = Array.IndexOf(bytes, (byte)'\n', start))
        {
            Note(Parse(bytes.AsSpan(start, end - start)) with { Number = ends.Count + 1 });
            ends.Add(start = end + 1);
        }
        if (start < bytes.Length)
            RandomAccess.SetLength(file, start);
    }

    JobNews Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize<JobNews>(line, GrainsSetup.Json) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new ProblemException($"{path}:{ends.Count + 1}", e.Message, "an event of a job", "the file was changed by something else: put its copy back, or delete the job");
        }
    }

    void Note(JobNews what)
    {
        LastStep = Math.Max(LastStep, what.Step?.Line.Step ?? 0);
        LastCheckpoint = Math.Max(LastCheckpoint, what.Checkpoint?.Number ?? 0);
        LastDecision = what.Decision ?? LastDecision;
        if (what.Evaluation is { } evaluation)
            Evaluated.Add(evaluation.Step.Number);
    }

    /// <inheritdoc/>
    public void Post(JobNews what)
    {
        if (what.Step is { } step)      // the samples, and the gates one by one, stand in other files
            what = what with { Step = step with { Line = step.Line with { Samples = [] }, Gates = step.Gates?.Select(Strength).ToArray() } };
        Note(what);
        queued.Add(what with { At = clock.GetUtcNow() });
    }

    static float[] Strength(float[] gates) => gates.Length == 0 ? [] : [gates.Average(Math.Abs)];

    /// <inheritdoc/>
    public void PostStep(StepReport step, long steps, int workers)
    {
        if (step.Line.Step > LastStep)
            Post(new JobNews(0, Step: step) { Steps = steps, Workers = workers });
    }

    /// <inheritdoc/>
    public void Flush()
    {
        if (queued.Count == 0)
            return;
        using var text = new MemoryStream();
        var end = ends.Count > 0 ? ends[^1] : 0;
        var next = new List<long>();
        foreach (var what in queued)
        {
            JsonSerializer.Serialize(text, what with { Number = ends.Count + next.Count + 1 }, GrainsSetup.Json);
            text.WriteByte((byte)'\n');
            next.Add(end + text.Length);
        }
        using (Lock())
        {
            var length = RandomAccess.GetLength(file);
            if (length != end)
                throw new SupersededException($"{path} has {length} bytes, but this activation wrote or read {end}: another one carries on");
            try
            {
                RandomAccess.Write(file, text.GetBuffer().AsSpan(0, (int)text.Length), end);
                RandomAccess.FlushToDisk(file);
            }
            catch (IOException)
            {
                RandomAccess.SetLength(file, end);      // whole or not at all
                throw;
            }
        }
        ends.AddRange(next);
        queued.Clear();
    }

    // Locks of files end with their process. Readers need none: they see what was flushed.
    FileStream Lock()
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (tries < LockTriesMax && File.Exists(lockPath))
            {
                Thread.Sleep(5);
            }
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<JobNews> After(long seen)
    {
        var first = (int)Math.Clamp(seen, 0, ends.Count);
        var count = Math.Min(AnsweredMax, ends.Count - first);
        if (count == 0)
            return [];
        var start = first == 0 ? 0 : ends[first - 1];
        var bytes = new byte[ends[first + count - 1] - start];
        for (int read = 0, got; read < bytes.Length; read += got)
        {
            if ((got = RandomAccess.Read(file, bytes.AsSpan(read), start + read)) == 0)
                throw new IOException($"{path} became shorter");
        }
        var news = new List<JobNews>(count);
        foreach (var line in Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            news.Add(JsonSerializer.Deserialize<JobNews>(line, GrainsSetup.Json)! with { Number = first + news.Count + 1 });
        return news;
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();
}
