using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>
/// The safetensors format: eight bytes with the header's length (little-endian), a JSON header (name, type, shape, first and last byte), the
/// tensors' bytes without gaps or overlaps up to the end of the file.
/// </summary>
public static class SafeTensors
{
    /// <summary>The format's own bound on its header.</summary>
    const long HeaderBytesMax = 100_000_000;

    const string MetadataKey = "__metadata__";

    /// <summary>Writes a file: its bytes are a function of the arguments only, the tensors in the order given.</summary>
    /// <exception cref="ProblemException">the place cannot be written</exception>
    public static void Write(string path, IReadOnlyList<SafeTensor> tensors, IReadOnlyDictionary<string, string> metadata) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));

    /// <summary>Writes the same bytes to a stream, for a digest or a socket.</summary>
    /// <exception cref="ArgumentException">two tensors of one name, or one whose shape and values differ in size</exception>
    public static void Write(Stream stream, IReadOnlyList<SafeTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var header = Header(tensors, metadata);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var tensor in tensors)
            tensor.WriteTo(stream);
    }

    static byte[] Header(IReadOnlyList<SafeTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject(MetadataKey);
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            var names = new HashSet<string>(StringComparer.Ordinal) { MetadataKey };
            var offset = 0L;
            foreach (var tensor in tensors)
            {
                if (!names.Add(tensor.Name))
                    throw new ArgumentException($"two tensors are called {tensor.Name}", nameof(tensors));
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", ElementTypes.SafeTensorsName(tensor.Type));
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape)
                    json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // The tensors begin at a multiple of eight, so that they can be mapped.
        while (memory.Length % 8 != 0)
            memory.WriteByte((byte)' ');
        return memory.ToArray();
    }

    /// <summary>Reads and checks a header; <paramref name="stream"/> stands at the file's first byte.</summary>
    internal static (List<TensorEntry> Entries, Dictionary<string, string> Metadata) ReadHeader(string path, Stream stream)
    {
        var fileBytes = stream.Length;
        if (fileBytes < sizeof(ulong))
            throw new ProblemException(path, $"{fileBytes} bytes", "a safetensors file, which begins with eight bytes of length", "copy the file again");
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        stream.ReadExactly(length);
        var headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(length);
        if (headerBytes > HeaderBytesMax || (long)headerBytes > fileBytes - sizeof(ulong))
            throw new ProblemException($"{path} header", $"a length of {headerBytes} bytes",
                $"at most {Math.Min(HeaderBytesMax, fileBytes - sizeof(ulong))} in a file of {fileBytes}", "the file is truncated or no safetensors file: copy it again");
        var header = new byte[headerBytes];
        stream.ReadExactly(header);
        try
        {
            using var json = JsonDocument.Parse(header, new() { MaxDepth = 8, AllowDuplicateProperties = false });
            return Check(path, json.RootElement, dataStart: sizeof(ulong) + (long)headerBytes, fileBytes);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or DecoderFallbackException)
        {
            throw new ProblemException($"{path} header", e.Message, "JSON as the safetensors format defines it", "the file is corrupt: copy it again");
        }
    }

    static (List<TensorEntry>, Dictionary<string, string>) Check(string path, JsonElement root, long dataStart, long fileBytes)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var entries = new List<TensorEntry>();
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == MetadataKey)
                foreach (var item in property.Value.EnumerateObject())
                    metadata[item.Name] = item.Value.GetString() ?? "";
            else
                entries.Add(Entry(path, property.Name, property.Value, dataStart, fileBytes - dataStart));
        }

        var end = dataStart;
        foreach (var entry in entries.OrderBy(entry => entry.Offset).ThenBy(entry => entry.Bytes))
        {
            if (entry.Offset != end)
                throw new ProblemException($"{path} tensor {entry.Name}", $"begins at byte {entry.Offset}", $"byte {end}: tensors lie without gaps or overlaps",
                    "the header lies: write the file again");
            end += entry.Bytes;
        }
        if (end != fileBytes)
            throw new ProblemException(path, $"{fileBytes} bytes", $"{end}, where the last tensor ends", "copy the file again");
        return (entries, metadata);
    }

    static TensorEntry Entry(string path, string name, JsonElement value, long dataStart, long dataBytes)
    {
        if (!TensorEntry.IsPrintable(name))
            throw new ProblemException($"{path} header", "a name with control characters", "a name that can be printed", "the file is corrupt: copy it again");
        var place = $"{path} tensor {name}";
        var dtype = value.TryGetProperty("dtype", out var typeName) ? typeName.GetString() : null;
        var type = ElementTypes.FromSafeTensors(dtype ?? "")
            ?? throw new ProblemException(place, dtype is null ? "no dtype" : TensorEntry.IsPrintable(dtype) ? $"dtype {dtype}" : "an odd dtype",
                $"one of {ElementTypes.SafeTensorsNames}", "convert the file to F32, F16 or BF16");
        var shape = Numbers(value, "shape", place);
        var offsets = Numbers(value, "data_offsets", place);
        if (offsets.Length != 2 || offsets[0] < 0 || offsets[1] < offsets[0])
            throw new ProblemException(place, $"data_offsets [{string.Join(", ", offsets)}]", "first byte and the byte after the last", "the header is corrupt: copy the file again");
        if (offsets[1] > dataBytes)
            throw new ProblemException(place, $"a file of {dataStart + dataBytes} bytes", $"{dataStart + offsets[1]}, where this tensor ends",
                "the file is truncated: copy it again");
        if (!TensorEntry.Fits(shape, type, dataBytes, out var bytes) || bytes != offsets[1] - offsets[0])
            throw new ProblemException(place, $"{offsets[1] - offsets[0]} bytes", $"what shape {TensorEntry.ShapeOf(shape)} of {dtype} takes", "the header lies: write the file again");
        return new(name, type, shape) { Offset = dataStart + offsets[0] };
    }

    static long[] Numbers(JsonElement value, string key, string place)
    {
        if (!value.TryGetProperty(key, out var array) || array.ValueKind != JsonValueKind.Array)
            throw new ProblemException($"{place} {key}", "nothing usable", "a list of numbers", "the header is corrupt: copy the file again");
        return [.. array.EnumerateArray().Select(item => item.GetInt64())];
    }
}
