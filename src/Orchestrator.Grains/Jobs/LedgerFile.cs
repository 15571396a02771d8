using System.Text;
using Microsoft.Win32.SafeHandles;
using Orchestrator.Engine;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Grains.Jobs;

/// <summary>
/// <c>ledger.jsonl</c>: appended in the order of the steps, each line once. A line that comes again must say the same: two workers, or two runs over the same step, that differ are a broken
/// promise. Lines are functions of the job, and each is written at its own offset: two activations that overlap write the same bytes at the same places, so the file is whole whoever writes.
/// </summary>
sealed class LedgerFile : IDisposable
{
    readonly string path;
    SafeFileHandle file;
    readonly SortedDictionary<long, LedgerLine> early = [];
    readonly List<string> digests = [];      // of step 1, 2, …
    string chain;
    long end;
    bool dirty;

    LedgerFile(string path, SafeFileHandle file, string chain, long end, IEnumerable<string> digests)
    {
        (this.path, this.file, this.chain, this.end) = (path, file, chain, end);
        this.digests.AddRange(digests);
    }

    /// <summary>The last line, or null before the first.</summary>
    public LedgerLine? Last { get; private set; }

    /// <summary>The loss of its lines.</summary>
    public LossCurve Curve { get; private init; } = new();

    /// <summary>The step up to which every line is on disk.</summary>
    public Step Written { get; private set; }

    /// <summary>Opens a run's ledger, or begins it. Half a line at its end, from a crash, is written over.</summary>
    /// <param name="folder">the run's folder</param>
    /// <param name="plan">the job</param>
    /// <param name="each">told of each line that is there</param>
    /// <exception cref="ProblemException">it is another job's, or a line in its middle was changed</exception>
    public static LedgerFile Open(RunFolder folder, JobPlan plan, Action<LedgerLine>? each = null)
    {
        Directory.CreateDirectory(folder.Path);
        var file = OpenShared(folder.Ledger);
        try
        {
            var bytes = ReadAll(file);
            var whole = Array.LastIndexOf(bytes, (byte)'\n') + 1;
            var lines = Encoding.UTF8.GetString(bytes, 0, whole).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var expected = LedgerHead.Of(plan);
            if (lines.Length == 0)
            {
                var (text, first) = LedgerChain.Append(LedgerChain.Start, expected);
                var begun = new LedgerFile(folder.Ledger, file, LedgerChain.Start, 0, []);
                begun.WriteAtEnd(text);
                begun.chain = first;
                RandomAccess.FlushToDisk(file);
                return begun;
            }
            var (head, chain) = LedgerChain.ReadHead(lines[0], $"{folder.Ledger}:1");
            if (head != expected)
                throw new ProblemException(folder.Ledger, Difference(head, expected), "the ledger of this very job", "choose another --output, or go on with the job that this folder belongs to");
            var digests = new List<string>();
            LedgerLine? last = null;
            var curve = new LossCurve();
            for (var i = 1; i < lines.Length; i++)
            {
                (var line, chain) = LedgerChain.ReadLine(chain, lines[i], $"{folder.Ledger}:{i + 1}");
                digests.Add(line.Parameters);
                curve.Add(line.Loss);
                each?.Invoke(line);
                last = line;
            }
            return new LedgerFile(folder.Ledger, file, chain, whole, digests) { Written = new Step(digests.Count), Last = last, Curve = curve };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    static SafeFileHandle OpenShared(string path) => File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

    static byte[] ReadAll(SafeFileHandle file)
    {
        var bytes = new byte[RandomAccess.GetLength(file)];
        return bytes[..ReadAt(file, bytes, 0)];
    }

    static string Difference(LedgerHead found, LedgerHead expected)
        => found.Base != expected.Base ? "a ledger of another base"
            : found.Data != expected.Data ? "a ledger of other data"
            : found.Kind != expected.Kind ? $"a ledger written on {found.Kind} (here is {expected.Kind}; bits are promised within one kind only)"
            : found.Init != expected.Init ? "a ledger of another start" : "a ledger of another spec";

    /// <summary>Why lines that are due are not in the file: the disk is full, or write-protected. They wait in memory; null where none does.</summary>
    public string? Fault { get; private set; }

    /// <summary>Takes a step's line; those that come early wait for the ones before them.</summary>
    /// <returns>whether it is new</returns>
    /// <exception cref="BrokenInvariantException">the step is written already with other parameters</exception>
    public bool Append(LedgerLine line)
    {
        var known = line.Step <= digests.Count ? digests[(int)line.Step - 1] : early.GetValueOrDefault(line.Step)?.Parameters;
        if (known is not null)
        {
            return known == line.Parameters ? false
                : throw new BrokenInvariantException(1, $"step {line.Step} ended with parameters {line.Parameters}, but it is written that it ends with {known}");
        }
        early.Add(line.Step, line);
        WriteEarly();
        return true;
    }

    // Nobody is told of a line that it is on disk before it is: who has it keeps it until then, and training goes on.
    void WriteEarly()
    {
        try
        {
            while (early.TryGetValue(digests.Count + 1, out var next))
            {
                Write(next);
                early.Remove(next.Step);
            }
            Fault = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fault = e.Message;
        }
    }

    /// <summary>
    /// Drops the lines of later steps than <paramref name="step"/>, for good. The shorter ledger takes the file's place: who has the old one open still, because it does not know yet that it was
    /// replaced, writes into nothing.
    /// </summary>
    public void Truncate(Step step)
    {
        early.Clear();
        if (digests.Count <= step.Number)
            return;
        var lines = Encoding.UTF8.GetString(ReadAll(file)).Split('\n')[..((int)step.Number + 1)];
        var kept = Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n")));
        AtomicFile.Write(path, stream => stream.Write(kept));
        file.Dispose();
        (file, end) = (OpenShared(path), kept.Length);
        digests.RemoveRange((int)step.Number, digests.Count - (int)step.Number);
        (_, chain) = LedgerChain.ReadHead(lines[0], $"{path}:1");
        Last = null;
        Curve.Clear();
        for (var i = 1; i < lines.Length; i++)
        {
            (Last, chain) = LedgerChain.ReadLine(chain, lines[i], $"{path}:{i + 1}");
            Curve.Add(Last.Loss);
        }
        (Written, dirty) = (step, false);
    }

    void Write(LedgerLine line)
    {
        var (text, next) = LedgerChain.Append(chain, line);
        WriteAtEnd(text);
        (chain, Last, dirty) = (next, line, true);
        Curve.Add(line.Loss);
        digests.Add(line.Parameters);
    }

    // What stands there already, from another activation or from before a crash, is the same line or its beginning. Half a line that is neither is what a lost write left behind.
    void WriteAtEnd(string text)
    {
        var line = Encoding.UTF8.GetBytes(text + "\n");
        var there = new byte[line.Length];
        var known = ReadAt(file, there, end);
        if (!line.AsSpan().StartsWith(there.AsSpan(0, known)) && !there.AsSpan(0, known).Contains((byte)'\n'))
            RandomAccess.SetLength(file, end + (known = 0));
        if (!line.AsSpan().StartsWith(there.AsSpan(0, known)))
            throw new BrokenInvariantException(1, $"the ledger says '{Encoding.UTF8.GetString(there, 0, known).TrimEnd()}' where '{text}' belongs");
        if (known < line.Length)
            RandomAccess.Write(file, line, end);
        end += line.Length;
    }

    static int ReadAt(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        var read = 0;
        for (int got; read < bytes.Length && (got = RandomAccess.Read(file, bytes[read..], offset + read)) > 0; read += got)
        {
        }
        return read;
    }

    /// <summary>Brings what was appended to disk, and what the disk had no room for before.</summary>
    public void Flush()
    {
        WriteEarly();
        if (!dirty)
            return;
        RandomAccess.FlushToDisk(file);
        dirty = false;
        Written = new Step(digests.Count);
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();
}
