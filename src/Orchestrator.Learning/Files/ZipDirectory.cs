using System.Buffers.Binary;
using System.Text;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>An entry of a zip file: where its bytes are.</summary>
readonly record struct ZipEntry(string Name, long Offset, long Bytes);

/// <summary>
/// The directory of a zip file (APPNOTE 6.3, with ZIP64) whose entries are stored, not compressed: only so can they be mapped, and only so
/// does torch write them.
/// </summary>
static class ZipDirectory
{
    const uint EndSignature = 0x06054b50, End64Signature = 0x06064b50, Locator64Signature = 0x07064b50, EntrySignature = 0x02014b50, LocalSignature = 0x04034b50;
    const int EndBytes = 22, End64Bytes = 56, Locator64Bytes = 20, EntryBytes = 46, LocalBytes = 30, CommentBytesMax = ushort.MaxValue;

    /// <summary>A directory of a 70 B model takes 100 KB.</summary>
    const long DirectoryBytesMax = 64 << 20;

    /// <summary>All entries by name, each within the file and before the directory.</summary>
    /// <exception cref="ProblemException">no directory, or one that lies</exception>
    public static Dictionary<string, ZipEntry> Read(string path, FileStream file)
    {
        var (start, bytes, count) = Locate(path, file);
        var directory = At(path, file, start, bytes);
        var entries = new Dictionary<string, ZipEntry>(StringComparer.Ordinal);
        for (var (i, at) = (0L, 0); i < count; i++)
        {
            var rest = directory.AsSpan(at);
            if (rest.Length < EntryBytes || U32(rest, 0) != EntrySignature)
                throw Corrupt(path, $"{i} of {count} entries", "all of them in the zip's directory");
            int nameBytes = U16(rest, 28), extraBytes = U16(rest, 30), commentBytes = U16(rest, 32);
            if (rest.Length < EntryBytes + nameBytes + extraBytes + commentBytes)
                throw Corrupt(path, $"{i} of {count} entries", "all of them in the zip's directory");
            var name = Encoding.UTF8.GetString(rest.Slice(EntryBytes, nameBytes));
            if (!TensorEntry.IsPrintable(name))
                throw Corrupt(path, "an entry with control characters in its name", "a name that can be printed");
            var entry = Entry(path, file, name, rest, rest.Slice(EntryBytes + nameBytes, extraBytes), start);
            if (!entries.TryAdd(name, entry))
                throw Corrupt($"{path} entry {name}", "two of this name", "one");
            at += EntryBytes + nameBytes + extraBytes + commentBytes;
        }
        return entries;
    }

    static ZipEntry Entry(string path, FileStream file, string name, ReadOnlySpan<byte> header, ReadOnlySpan<byte> extra, long directoryStart)
    {
        var place = $"{path} entry {name}";
        if ((U16(header, 8) & 1) != 0 || U16(header, 10) != 0)
            throw new ProblemException(place, "compressed or encrypted bytes", "stored ones", "write the file with torch.save, don't zip it again");
        long packed = U32(header, 20), bytes = U32(header, 24), local = U32(header, 42);
        Widen(extra, ref bytes, ref packed, ref local);
        if (packed != bytes || bytes < 0 || local < 0 || local > directoryStart - LocalBytes)
            throw Corrupt(place, $"{bytes} bytes at {local}", $"a place before byte {directoryStart}");
        var localHeader = At(path, file, local, LocalBytes);
        if (U32(localHeader, 0) != LocalSignature)
            throw Corrupt(place, $"no entry at byte {local}", "one");
        var offset = local + LocalBytes + U16(localHeader, 26) + U16(localHeader, 28);
        if (offset > directoryStart || bytes > directoryStart - offset)
            throw Corrupt(place, $"{bytes} bytes at {offset}", $"an end before byte {directoryStart}");
        return new(name, offset, bytes);
    }

    /// <summary>ZIP64: fields of 32 bits that are all ones stand, in this order, in an extra field.</summary>
    static void Widen(ReadOnlySpan<byte> extra, ref long bytes, ref long packed, ref long local)
    {
        while (extra.Length >= 4)
        {
            int id = U16(extra, 0), size = U16(extra, 2);
            if (size > extra.Length - 4)
                return;
            if (id == 1)
            {
                var fields = extra.Slice(4, size);
                Next(ref fields, ref bytes);
                Next(ref fields, ref packed);
                Next(ref fields, ref local);
                return;
            }
            extra = extra[(4 + size)..];
        }

        static void Next(ref ReadOnlySpan<byte> fields, ref long value)
        {
            if (value != uint.MaxValue || fields.Length < 8)
                return;
            value = BinaryPrimitives.ReadInt64LittleEndian(fields);
            fields = fields[8..];
        }
    }

    static (long Start, long Bytes, long Count) Locate(string path, FileStream file)
    {
        var tailBytes = (int)Math.Min(file.Length, EndBytes + CommentBytesMax + Locator64Bytes);
        var tail = At(path, file, file.Length - tailBytes, tailBytes);
        var end = tailBytes - EndBytes;
        while (end >= 0 && !(U32(tail.AsSpan(end), 0) == EndSignature && end + EndBytes + U16(tail.AsSpan(end), 20) == tailBytes))
            end--;
        if (end < 0)
            throw new ProblemException(path, $"no zip directory at the end of its {file.Length:N0} bytes", "one, as torch.save writes it", "the file is truncated: copy it again");

        var record = tail.AsSpan(end);
        long count = U16(record, 10), bytes = U32(record, 12), start = U32(record, 16);
        var directoryEnd = file.Length - tailBytes + end;
        if (end >= Locator64Bytes && U32(tail.AsSpan(end - Locator64Bytes), 0) == Locator64Signature)
        {
            var at = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(end - Locator64Bytes + 8));
            if (at < 0 || at > file.Length - End64Bytes)
                throw Corrupt(path, $"a ZIP64 record at byte {at}", "one within the file");
            var record64 = At(path, file, at, End64Bytes);
            if (U32(record64, 0) != End64Signature)
                throw Corrupt(path, $"no ZIP64 record at byte {at}", "one");
            count = BinaryPrimitives.ReadInt64LittleEndian(record64.AsSpan(32));
            bytes = BinaryPrimitives.ReadInt64LittleEndian(record64.AsSpan(40));
            start = BinaryPrimitives.ReadInt64LittleEndian(record64.AsSpan(48));
            directoryEnd = at;
        }
        if (bytes < 0 || bytes > DirectoryBytesMax || start < 0 || start > directoryEnd - bytes || count < 0 || count > bytes / EntryBytes)
            throw Corrupt(path, $"a zip directory of {count} entries and {bytes} bytes at {start}", $"one that ends before byte {directoryEnd}");
        return (start, bytes, count);
    }

    static byte[] At(string path, FileStream file, long offset, long bytes)
    {
        if (offset < 0 || bytes > file.Length - offset)
            throw Corrupt(path, $"bytes {offset} to {offset + bytes} of a file of {file.Length}", "a place within the file");
        var buffer = new byte[bytes];
        file.Position = offset;
        file.ReadExactly(buffer);
        return buffer;
    }

    static ProblemException Corrupt(string place, string found, string expected) => new(place, found, expected, "the file is corrupt: copy it again");

    static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
