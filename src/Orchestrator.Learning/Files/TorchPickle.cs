using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Orchestrator.Learning.Files;

/// <summary>The pickle (protocol 2) of a dictionary of tensors as Python's pickler writes it, with its numbering of what is remembered.</summary>
sealed class TorchPickle : IDisposable
{
    /// <summary>Python's pickler sets so many items of a dictionary at once.</summary>
    const int Batch = 1000;

    readonly MemoryStream bytes = new();
    readonly Dictionary<string, int> shared = new(StringComparer.Ordinal);
    int remembered;

    /// <summary>The bytes of <c>data.pkl</c>; the tensor at index i has the storage "i".</summary>
    public static byte[] Of(IReadOnlyList<SafeTensor> tensors)
    {
        using var pickle = new TorchPickle();
        pickle.Dictionary(tensors);
        return pickle.bytes.ToArray();
    }

    public void Dispose() => bytes.Dispose();

    void Dictionary(IReadOnlyList<SafeTensor> tensors)
    {
        Put(0x80, 2);
        Put('}');
        Remember();
        for (var first = 0; first < tensors.Count; first += Batch)
        {
            var count = Math.Min(Batch, tensors.Count - first);
            if (count > 1)
                Put('(');
            for (var i = first; i < first + count; i++)
            {
                Text(tensors[i].Name);
                Tensor(tensors[i], i);
            }
            Put(count > 1 ? 'u' : 's');
        }
        Put('.');
    }

    /// <summary><c>_rebuild_tensor_v2(storage, 0, shape, strides, requires_grad=False, OrderedDict())</c></summary>
    void Tensor(SafeTensor tensor, int index)
    {
        Shared("ctorch._utils\n_rebuild_tensor_v2\n");
        Put('(');
        Put('(');
        Shared("storage");
        Shared($"ctorch\n{ElementTypes.StorageName(tensor.Type)}\n");
        Text(index.ToString(CultureInfo.InvariantCulture));
        Shared("cpu");
        Integer(tensor.Shape.Aggregate(1L, (product, size) => product * size));
        Put('t');
        Remember();
        Put('Q');
        Integer(0);
        Tuple(tensor.Shape);
        var strides = new long[tensor.Shape.Count];
        for (var (i, step) = (strides.Length - 1, 1L); i >= 0; step *= tensor.Shape[i--])
            strides[i] = step;
        Tuple(strides);
        Put(0x89);
        Shared("ccollections\nOrderedDict\n");
        Put(')', 'R');
        Remember();
        Put('t');
        Remember();
        Put('R');
        Remember();
    }

    void Tuple(IReadOnlyList<long> items)
    {
        if (items.Count == 0)
        {
            Put(')');
            return;
        }
        if (items.Count > 3)
            Put('(');
        foreach (var item in items)
            Integer(item);
        Put(items.Count > 3 ? 't' : 0x84 + items.Count);
        Remember();
    }

    void Integer(long value)
    {
        Span<byte> buffer = stackalloc byte[9];
        BinaryPrimitives.WriteInt64LittleEndian(buffer, value);
        if (value < 1 << 8)
            Put('K', buffer[..1]);
        else if (value < 1 << 16)
            Put('M', buffer[..2]);
        else if (value <= int.MaxValue)
            Put('J', buffer[..4]);
        else
        {
            // LONG1: as few bytes as leave the sign bit clear.
            var count = 8 - System.Numerics.BitOperations.LeadingZeroCount((ulong)value) / 8;
            count += buffer[count - 1] >= 0x80 ? 1 : 0;
            buffer[8] = 0;
            Put(0x8a, count);
            bytes.Write(buffer[..count]);
        }
    }

    void Text(string text)
    {
        Span<byte> length = stackalloc byte[4];
        var utf8 = Encoding.UTF8.GetBytes(text);
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        Put('X', length);
        bytes.Write(utf8);
        Remember();
    }

    /// <summary>A text or a global (<c>cmodule\nname\n</c>) that is written once and then recalled.</summary>
    void Shared(string what)
    {
        if (shared.TryGetValue(what, out var number))
        {
            Numbered('h', 'j', number);
            return;
        }
        shared[what] = remembered;
        if (what[^1] != '\n')
        {
            Text(what);
            return;
        }
        bytes.Write(Encoding.ASCII.GetBytes(what));
        Remember();
    }

    void Remember() => Numbered('q', 'r', remembered++);

    void Numbered(char small, char large, int number)
    {
        Span<byte> buffer = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(buffer, number);
        if (number < 1 << 8)
            Put(small, buffer[..1]);
        else
            Put(large, buffer);
    }

    void Put(int opcode, ReadOnlySpan<byte> argument)
    {
        Put(opcode);
        bytes.Write(argument);
    }

    void Put(int first, int second)
    {
        Put(first);
        Put(second);
    }

    void Put(int value) => bytes.WriteByte((byte)value);
}
