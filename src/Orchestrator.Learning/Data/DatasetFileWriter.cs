using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Orchestrator.Learning.Data;

/// <summary>Writes a file of tokenised records under a temporary name; it gets its own when it is whole.</summary>
internal sealed class DatasetFileWriter : IDisposable
{
    static int writers;

    readonly string path;
    readonly string temporary;
    readonly FileStream file;
    readonly IncrementalHash content = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly List<DatasetRow> rows = [];
    DatasetHeader header;

    public DatasetFileWriter(string path, in Digest32 key, RecordKind kind)
    {
        this.path = path;
        temporary = $"{path}.{Environment.ProcessId}-{Interlocked.Increment(ref writers)}.tmp";
        header = new DatasetHeader { Magic = DatasetHeader.MagicNumber, Kind = kind, Key = key };
        file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<DatasetHeader>(in header)));
    }

    public long Supervised => header.Supervised;

    public void Add(Example example, RecordExtent source)
    {
        var length = example.Tokens.Length;
        content.AppendData(MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in length)));
        rows.Add(new DatasetRow
        {
            Start = file.Position,
            SourceOffset = source.Offset,
            SourceLength = source.Length,
            Length = length,
            Supervised = example.Supervised,
        });
        Write(example.Tokens);
        Write(example.Labels);
        header.Records++;
        header.Tokens += length;
        header.Supervised += example.Supervised;
    }

    void Write(ReadOnlySpan<int> numbers)
    {
        var bytes = MemoryMarshal.AsBytes(numbers);
        content.AppendData(bytes);
        file.Write(bytes);
        header.BodyChecksum = DatasetFile.Checksum(header.BodyChecksum, bytes);
    }

    /// <summary>Writes the table and the header, syncs, and gives the file its name.</summary>
    public void Commit()
    {
        var table = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(rows));
        file.Write(table);
        header.Content = Digest32.Of(content.GetHashAndReset());
        header.BodyChecksum = DatasetFile.Checksum(header.BodyChecksum, table);
        header.HeaderChecksum = DatasetFile.ChecksumOf(header);
        file.Position = 0;
        file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<DatasetHeader>(in header)));
        file.Flush(flushToDisk: true);
        file.Dispose();
        File.Move(temporary, path, overwrite: true);
    }

    public void Dispose()
    {
        file.Dispose();
        content.Dispose();
        File.Delete(temporary);
    }
}
