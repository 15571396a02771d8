using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>
/// Writes a flat dictionary of tensors as <c>torch.save</c> does, byte for byte: a pickle of protocol 2 and every storage at a multiple of 64
/// bytes, so that it can be mapped.
/// </summary>
static class TorchWriter
{
    const int Alignment = 64;

    /// <param name="stream">where to</param>
    /// <param name="name">the folder within the zip; torch takes the file's name without its extension</param>
    /// <param name="tensors">in this order</param>
    /// <exception cref="ProblemException">more than this zip can hold: 4 GB</exception>
    public static void Write(Stream stream, string name, IReadOnlyList<SafeTensor> tensors)
    {
        if (tensors.Sum(tensor => tensor.Bytes) > int.MaxValue)
            throw new ProblemException(name, $"{tensors.Sum(tensor => tensor.Bytes):N0} bytes", $"at most {int.MaxValue:N0} in a .pth", "export as safetensors");
        using var zip = new StoredZip(stream);
        zip.Add($"{name}/data.pkl", TorchPickle.Of(tensors));
        // In the order of their keys as texts: 0, 1, 10, 11, …
        foreach (var (key, i) in Enumerable.Range(0, tensors.Count).Select(i => (Key: i.ToString(CultureInfo.InvariantCulture), i)).OrderBy(pair => pair.Key, StringComparer.Ordinal))
            zip.Add($"{name}/data/{key}", tensors[i].Span);
        zip.Add($"{name}/version", "3\n"u8);
        zip.Finish();
    }

    /// <summary>A zip of stored entries, with the fields that torch's writer leaves at zero left at zero.</summary>
    sealed class StoredZip(Stream stream) : IDisposable
    {
        readonly MemoryStream directory = new();
        long position;
        long entries;

        public void Add(string name, ReadOnlySpan<byte> content)
        {
            var start = position;
            var nameBytes = Encoding.UTF8.GetBytes(name);
            var data = start + 30 + nameBytes.Length + 4;
            var padding = (int)((Alignment - data % Alignment) % Alignment);
            Put(stream, 0x04034b50, 4);
            Put(stream, 0, 2);
            Put(stream, Flags, 2);
            Put(stream, 0, 18); // method, time, date; checksum and sizes follow the data
            Put(stream, nameBytes.Length, 2);
            Put(stream, padding + 4, 2);
            Put(stream, nameBytes);
            Put(stream, 'F' | 'B' << 8, 2);
            Put(stream, padding, 2);
            Put(stream, [.. Enumerable.Repeat((byte)'Z', padding)]);
            Put(stream, content);
            Put(stream, 0x08074b50, 4);
            Sums(stream, content);

            Put(directory, 0x02014b50, 4);
            Put(directory, 0, 4);
            Put(directory, Flags, 2);
            Put(directory, 0, 6);
            Sums(directory, content);
            Put(directory, nameBytes.Length, 2);
            Put(directory, 0, 12);
            Put(directory, start, 4);
            Put(directory, nameBytes);
            entries++;
        }

        /// <summary>The directory, and its place in the old and in the 64-bit form.</summary>
        public void Finish()
        {
            var (start, bytes) = (position, directory.Length);
            Put(stream, directory.ToArray());
            var record = position;
            Put(stream, 0x06064b50, 4);
            Put(stream, 44, 8);
            Put(stream, 0x031e, 2);
            Put(stream, 45, 2);
            Put(stream, 0, 8);
            Put(stream, entries, 8);
            Put(stream, entries, 8);
            Put(stream, bytes, 8);
            Put(stream, start, 8);
            Put(stream, 0x07064b50, 4);
            Put(stream, 0, 4);
            Put(stream, record, 8);
            Put(stream, 1, 4);
            Put(stream, 0x06054b50, 4);
            Put(stream, 0, 4);
            Put(stream, Math.Min(entries, ushort.MaxValue), 2);
            Put(stream, Math.Min(entries, ushort.MaxValue), 2);
            Put(stream, bytes, 4);
            Put(stream, start, 4);
            Put(stream, 0, 2);
        }

        public void Dispose() => directory.Dispose();

        /// <summary>Names are UTF-8; checksum and sizes stand behind the data.</summary>
        const int Flags = 0x0808;

        void Sums(Stream target, ReadOnlySpan<byte> content)
        {
            Put(target, Crc32.HashToUInt32(content), 4);
            Put(target, content.Length, 4);
            Put(target, content.Length, 4);
        }

        void Put(Stream target, long value, int bytes)
        {
            Span<byte> buffer = stackalloc byte[32];
            buffer.Clear();
            BinaryPrimitives.WriteInt64LittleEndian(buffer, value);
            Put(target, buffer[..bytes]);
        }

        void Put(Stream target, ReadOnlySpan<byte> bytes)
        {
            target.Write(bytes);
            if (target == stream)
                position += bytes.Length;
        }
    }
}
