using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Orchestrator.Learning.Data;

/// <summary>
/// The beginning of a file of tokenised records, 128 bytes, little-endian. After it, each record's tokens and then its labels (int32), then a
/// <see cref="DatasetRow"/> for each record. Nothing in it is trusted before <see cref="DatasetFile.Open"/> has checked it.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DatasetHeader
{
    public const ulong MagicNumber = 0x3154_4144_5243_524F; // "ORCRDAT1"
    public const int Bytes = 128;

    public ulong Magic;
    public int Records;
    public RecordKind Kind;
    public long Tokens;
    public long Supervised;
    public Digest32 Key;
    public Digest32 Content;
    public long Reserved1;
    public long Reserved2;
    public long Reserved3;
    public uint BodyChecksum;
    public uint HeaderChecksum;
}

/// <summary>A SHA-256.</summary>
[InlineArray(32)]
internal struct Digest32
{
    byte first;

    public static Digest32 Of(ReadOnlySpan<byte> bytes)
    {
        var digest = default(Digest32);
        bytes.CopyTo(digest);
        return digest;
    }

    public override readonly string ToString() => Convert.ToHexStringLower(this);
}

/// <summary>One record of the table at the end, 32 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DatasetRow
{
    /// <summary>Where the tokens begin, in bytes from the beginning of the file.</summary>
    public long Start;

    /// <summary>Where the record lies in the file it came from.</summary>
    public long SourceOffset;
    public int SourceLength;

    /// <summary>Number of tokens, and of labels.</summary>
    public int Length;
    public int Supervised;
    public int Reserved;
}

/// <summary>A file of tokenised records, mapped: written once, whole, and checked whenever it is opened.</summary>
internal sealed class DatasetFile : IDisposable
{
    readonly MappedFile bytes;
    readonly long table;

    DatasetFile(MappedFile bytes, DatasetHeader header)
    {
        this.bytes = bytes;
        Header = header;
        table = TableOf(header);
    }

    public DatasetHeader Header { get; }

    public DatasetRow Row(int record) => bytes.Slice<DatasetRow>(table, Header.Records)[record];

    public ReadOnlySpan<int> Tokens(int record)
    {
        var row = Row(record);
        return bytes.Slice<int>(row.Start, row.Length);
    }

    public ReadOnlySpan<int> Labels(int record)
    {
        var row = Row(record);
        return bytes.Slice<int>(row.Start + sizeof(int) * (long)row.Length, row.Length);
    }

    public void Dispose() => bytes.Dispose();

    /// <summary>Opens a file if it is whole and made under <paramref name="key"/>.</summary>
    /// <returns>null where it is missing, damaged, of another version or another key: to be made anew</returns>
    public static DatasetFile? Open(string path, in Digest32 key)
    {
        MappedFile? bytes = null;
        try
        {
            bytes = new MappedFile(path);
            if (Check(bytes, key) is { } header)
                return new DatasetFile(bytes, header);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // a cache that cannot be read is no cache
        }
        bytes?.Dispose();
        return null;
    }

    static DatasetHeader? Check(MappedFile bytes, in Digest32 key)
    {
        if (bytes.Length < DatasetHeader.Bytes)
            return null;
        var header = bytes.Slice<DatasetHeader>(0, 1)[0];
        if (header.Magic != DatasetHeader.MagicNumber || !((ReadOnlySpan<byte>)header.Key).SequenceEqual(key)
            || header.HeaderChecksum != ChecksumOf(header)
            || header.Records < 1 || header.Tokens < 0 || header.Tokens > bytes.Length / 8
            || bytes.Length != TableOf(header) + Unsafe.SizeOf<DatasetRow>() * (long)header.Records)
            return null;
        var checksum = 0u;
        const int BlockBytes = 1 << 20;
        for (long at = DatasetHeader.Bytes; at < bytes.Length; at += BlockBytes)
            checksum = Checksum(checksum, bytes.Slice<byte>(at, (int)Math.Min(BlockBytes, bytes.Length - at)));
        return checksum == header.BodyChecksum ? header : null;
    }

    static long TableOf(in DatasetHeader header) => DatasetHeader.Bytes + 2 * sizeof(int) * header.Tokens;

    public static uint ChecksumOf(DatasetHeader header)
    {
        header.HeaderChecksum = 0;
        return Checksum(0, MemoryMarshal.AsBytes(new ReadOnlySpan<DatasetHeader>(in header)));
    }

    /// <summary>CRC-32C: it finds damage, and 50 MB take a few milliseconds.</summary>
    public static uint Checksum(uint checksum, ReadOnlySpan<byte> bytes)
    {
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
            checksum = BitOperations.Crc32C(checksum, word);
        foreach (var b in bytes[(bytes.Length & ~7)..])
            checksum = BitOperations.Crc32C(checksum, b);
        return checksum;
    }
}
