using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>
/// What <c>torch.save</c> writes: a zip with a pickle and a stored entry per storage, or, before torch 1.6, four pickles one after the other
/// (magic number, protocol, machine, the object), a fifth with the storages' keys, and the storages, each behind its number of elements.
/// </summary>
static class TorchArchive
{
    static readonly BigInteger LegacyMagic = BigInteger.Parse("1950a86a20f9469cfc6c", System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);
    const long LegacyProtocol = 1001;

    /// <summary>First bytes of a zip.</summary>
    public static bool LooksLikeZip(ReadOnlySpan<byte> first) => first.StartsWith("PK\x03\x04"u8);

    /// <summary>First bytes of a pickle of protocol 2 and above.</summary>
    public static bool LooksLikePickle(ReadOnlySpan<byte> first) => first is [0x80, >= 2 and <= 5, ..];

    /// <summary>Tensors and plain values of a zip.</summary>
    /// <exception cref="ProblemException">anything that torch would not have written</exception>
    public static (List<TensorEntry>, Dictionary<string, string>) ReadZip(string path, FileStream file)
    {
        var entries = ZipDirectory.Read(path, file);
        var pickleName = entries.Keys.Where(name => name.EndsWith("/data.pkl", StringComparison.Ordinal)).ToArray() is [var only]
            ? only
            : throw new ProblemException(path, "a zip without one data.pkl", "what torch.save writes");
        var folder = pickleName[..^"data.pkl".Length];
        if (entries.TryGetValue(folder + "byteorder", out var order) && Encoding.ASCII.GetString(Bytes(file, order, atMost: 16)) is not "little")
            throw new ProblemException($"{path} byteorder", "another byte order", "little", "save the file again on a little-endian machine");

        using var pickle = new MemoryStream(Bytes(file, entries[pickleName], atMost: 64 << 20));
        var root = Pickle.Read(path, pickle);
        return new TensorTree(path, storage =>
        {
            if (!entries.TryGetValue($"{folder}data/{storage.Key}", out var entry))
                throw new ProblemException($"{path} storage {storage.Key}", "nothing", $"{storage.Elements} elements", "the file is corrupt: copy it again");
            return (entry.Offset, entry.Bytes);
        }).Flatten(root);
    }

    /// <summary>Tensors and plain values of the format before zip.</summary>
    /// <exception cref="ProblemException">anything that torch would not have written</exception>
    public static (List<TensorEntry>, Dictionary<string, string>) ReadLegacy(string path, FileStream file)
    {
        file.Position = 0;
        if (Pickle.Read(path, file) is not BigInteger magic || magic != LegacyMagic)
            throw new ProblemException(path, "a pickle without torch's magic number", "what torch.save writes", "save the weights with torch.save or as safetensors");
        if (Pickle.Read(path, file) is not LegacyProtocol)
            throw new ProblemException(path, "an unknown protocol of torch.save", $"{LegacyProtocol}", "save the file again with a newer torch");
        if (Pickle.Read(path, file) is PickleDict machine && machine.TryGet("little_endian", out var little) && little is false)
            throw new ProblemException(path, "a big-endian file", "little-endian", "save the file again on a little-endian machine");
        var root = Pickle.Read(path, file);
        var keys = Pickle.Read(path, file) as PickleList ?? throw new ProblemException(path, "no list of storages after the pickle", "one", "the file is corrupt: copy it again");

        var tree = new TensorTree(path, storage => throw new ProblemException($"{path} storage {storage.Key}", "nothing", $"{storage.Elements} elements",
            "the file is corrupt: copy it again"));
        var storages = tree.Storages(root);
        var places = new Dictionary<string, (long Offset, long Bytes)>(StringComparer.Ordinal);
        Span<byte> count = stackalloc byte[sizeof(long)];
        foreach (var item in keys)
        {
            if (item is not string key || !storages.TryGetValue(key, out var storage))
                throw new ProblemException(path, "a storage that no tensor uses", "storages of its tensors", "the file is corrupt: copy it again");
            if (file.Length - file.Position < sizeof(long))
                throw new ProblemException($"{path} storage {key}", $"the file's end at byte {file.Length}", $"{storage.Elements} elements", "the file is truncated: copy it again");
            file.ReadExactly(count);
            var elements = BinaryPrimitives.ReadInt64LittleEndian(count);
            var elementBytes = ElementTypes.BytesOf(storage.Type);
            if (elements < 0 || elements > (file.Length - file.Position) / elementBytes)
                throw new ProblemException($"{path} storage {key}", $"{elements} elements", $"at most {(file.Length - file.Position) / elementBytes}, what is left of the file",
                    "the file is truncated or corrupt: copy it again");
            if (!places.TryAdd(key, (file.Position, elements * elementBytes)))
                throw new ProblemException($"{path} storage {key}", "two of this key", "one", "the file is corrupt: copy it again");
            file.Position += elements * elementBytes;
        }
        return new TensorTree(path, storage => places.TryGetValue(storage.Key, out var place)
            ? place
            : throw new ProblemException($"{path} storage {storage.Key}", "nothing", $"{storage.Elements} elements", "the file is truncated: copy it again")).Flatten(root);
    }

    static byte[] Bytes(FileStream file, ZipEntry entry, long atMost)
    {
        if (entry.Bytes > atMost)
            throw new ProblemException($"{file.Name} entry {entry.Name}", $"{entry.Bytes:N0} bytes", $"at most {atMost:N0}", "the file is corrupt: copy it again");
        var bytes = new byte[entry.Bytes];
        file.Position = entry.Offset;
        file.ReadExactly(bytes);
        return bytes;
    }
}
