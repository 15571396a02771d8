using System.Text.Json;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>What the records of a file hold.</summary>
public enum RecordKind
{
    /// <summary>Texts: <c>instruction</c>, <c>input</c>, <c>output</c>.</summary>
    Alpaca,

    /// <summary>Tokens: <c>input_ids</c>, <c>labels</c>.</summary>
    Tokens,
}

/// <summary>Where a record lies in its file, in bytes.</summary>
internal readonly record struct RecordExtent(long Offset, int Length);

/// <summary>
/// A file of records, cut but not yet read: a JSON array, or JSON lines. Which of both, and what the records hold, is told from the content.
/// </summary>
internal sealed class RecordFile : IDisposable
{
    /// <summary>More records than any set of instructions has: 1 GiB of extents.</summary>
    public const int RecordsMax = 1 << 26;

    const int LineBlockBytes = 1 << 16;

    readonly MappedFile bytes;
    readonly List<RecordExtent> records;
    readonly Lazy<int[]> lineFeedsBefore;

    RecordFile(string path, MappedFile bytes, List<RecordExtent> records)
    {
        Path = path;
        this.bytes = bytes;
        this.records = records;
        lineFeedsBefore = new Lazy<int[]>(CountLineFeeds);
    }

    /// <summary>Opens and cuts a file.</summary>
    /// <exception cref="ProblemException">missing, empty, neither a JSON array nor JSON lines, or of unknown fields</exception>
    public static RecordFile Open(string path)
    {
        var bytes = Map(path);
        try
        {
            var start = Start(path, bytes);
            var first = bytes.Slice<byte>(start, 1)[0];
            var records = first switch
            {
                (byte)'[' => JsonArray.Cut(path, bytes, start),
                (byte)'{' => JsonLines.Cut(path, bytes, start),
                _ => throw new ProblemException($"{path}:1", $"'{(first is >= 0x20 and < 0x7F ? (char)first : '?')}' at the beginning",
                    "'[' of a JSON array of records or '{' of JSON lines"),
            };
            var file = new RecordFile(path, bytes, records);
            file.Kind = file.Sniff();
            return file;
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    public string Path { get; }

    public RecordKind Kind { get; private set; }

    public int Count => records.Count;

    public RecordExtent Extent(int record) => records[record];

    /// <summary>One record's bytes.</summary>
    public ReadOnlySpan<byte> Json(int record) => bytes.Slice<byte>(records[record].Offset, records[record].Length);

    /// <summary>The line that a record begins on, from 1.</summary>
    public int LineOf(int record)
    {
        var offset = records[record].Offset;
        var block = offset / LineBlockBytes;
        return 1 + lineFeedsBefore.Value[block] + bytes.Slice<byte>(block * LineBlockBytes, (int)(offset % LineBlockBytes)).Count((byte)'\n');
    }

    public void Dispose() => bytes.Dispose();

    /// <summary>Line feeds before each block, counted once there is a problem.</summary>
    int[] CountLineFeeds()
    {
        var before = new int[bytes.Length / LineBlockBytes + 1];
        for (var block = 1; block < before.Length; block++)
            before[block] = before[block - 1] + bytes.Slice<byte>((block - 1L) * LineBlockBytes, LineBlockBytes).Count((byte)'\n');
        return before;
    }

    static MappedFile Map(string path)
    {
        try
        {
            return new MappedFile(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ProblemException(path, "no file", "a file of records");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(path, Directory.Exists(path) ? "a folder" : e.Message, "a file of records that can be read");
        }
    }

    /// <summary>The first byte that is neither a byte order mark nor white space.</summary>
    static long Start(string path, MappedFile bytes)
    {
        long at = bytes.Length >= 3 && bytes.Slice<byte>(0, 3).SequenceEqual("\uFEFF"u8) ? 3 : 0;
        for (; at < bytes.Length; at++)
        {
            if (bytes.Slice<byte>(at, 1)[0] is not ((byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n'))
                return at;
        }
        throw new ProblemException(path, bytes.Length == 0 ? "an empty file" : "nothing but white space", "a JSON array of records or JSON lines");
    }

    RecordKind Sniff()
    {
        var place = new RecordPlace(this, 0);
        var names = new List<string>();
        try
        {
            var reader = new Utf8JsonReader(Json(0));
            if (place.BeginsObject(ref reader, "a record in braces"))
            {
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    if (RecordPlace.IsNamed(ref reader, "input_ids"u8))
                        return RecordKind.Tokens;
                    if (RecordPlace.IsNamed(ref reader, "instruction"u8) || RecordPlace.IsNamed(ref reader, "output"u8))
                        return RecordKind.Alpaca;
                    names.Add(System.Text.Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(40, reader.ValueSpan.Length)]));
                    reader.Skip();
                }
                place.Problem("", names.Count == 0 ? "no field" : $"the fields {string.Join(", ", names.Take(8))}",
                    "instruction, input, output (Alpaca) or input_ids, labels (tokens)");
            }
        }
        catch (JsonException e)
        {
            place.NoJson(e);
        }
        throw new ProblemException([.. place.Problems]);
    }
}
