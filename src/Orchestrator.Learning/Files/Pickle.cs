using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>
/// Reads pickles of protocol 0 to 5 as far as torch writes them (Python's <c>pickletools</c> is the format's description), as inert values.
/// It runs nothing: a global that is not in <see cref="PickleGlobals"/> ends the reading, by name, before anything is done with it.
/// Steps, bytes and depth are bounded, so that a small file cannot ask for much memory.
/// </summary>
sealed class Pickle
{
    /// <summary>The pickle of a 70 B model takes 100 KB and 30,000 steps.</summary>
    const long BytesMax = 64 << 20;
    const int StepsMax = 1_000_000;

    readonly Stream stream;
    readonly long end;
    readonly List<object?> stack = [];
    readonly List<int> marks = [];
    readonly Dictionary<long, object?> memo = [];

    Pickle(Stream stream) => (this.stream, end) = (stream, Math.Min(stream.Length, stream.Position + BytesMax));

    /// <summary>Reads one pickle and leaves the stream behind its last byte.</summary>
    /// <param name="place">the file, for the problem</param>
    /// <param name="stream">can seek; stands at the pickle's first byte</param>
    /// <exception cref="ProblemException">a refused global, or anything that torch would not have written</exception>
    public static object? Read(string place, Stream stream)
    {
        var start = stream.Position;
        try
        {
            return new Pickle(stream).Run();
        }
        catch (PickleException e)
        {
            throw new ProblemException($"{place} byte {stream.Position - start} of its pickle", e.Found, e.Expected,
                "nothing of it was executed; take the weights from a source you trust, or as safetensors");
        }
    }

    object? Run()
    {
        for (var step = 0; step < StepsMax; step++)
        {
            var opcode = (char)Byte();
            switch (opcode)
            {
                case '.': return Pop(); // STOP
                case '\x80': Byte(); break; // PROTO
                case '\x95': Length(Int64()); break; // FRAME: says how much follows, which is only a hint
                case '(': marks.Add(stack.Count); break;
                case '0': Discard(); break;
                case '1': ToMark(); break; // POP_MARK
                case '2': stack.Add(Peek()); break; // DUP
                case 'N': stack.Add(null); break;
                case '\x88': stack.Add(true); break;
                case '\x89': stack.Add(false); break;
                case 'I': stack.Add(Integer(Line())); break;
                case 'L': PushLong(Big(Line().TrimEnd('L'))); break;
                case 'J': stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
                case 'K': stack.Add((long)Byte()); break;
                case 'M': stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
                case '\x8a': PushLong(Byte()); break;
                case '\x8b': PushLong(BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
                case 'F': stack.Add(Float(Line())); break;
                case 'G': stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
                case 'S' or 'V': stack.Add(Quoted(Line(), opcode)); break;
                case 'T': stack.Add(Latin1(BinaryPrimitives.ReadInt32LittleEndian(Take(4)))); break;
                case 'U': stack.Add(Latin1(Byte())); break;
                case 'X': stack.Add(Utf8(UInt32())); break;
                case '\x8c': stack.Add(Utf8(Byte())); break;
                case '\x8d': stack.Add(Utf8(Int64())); break;
                case 'B': stack.Add(Bytes(UInt32())); break;
                case 'C': stack.Add(Bytes(Byte())); break;
                case '\x8e' or '\x96': stack.Add(Bytes(Int64())); break;
                case ')': stack.Add(new PickleTuple([])); break;
                case 't': stack.Add(new PickleTuple(ToMark())); break;
                case '\x85': stack.Add(new PickleTuple(Take1To3(1))); break;
                case '\x86': stack.Add(new PickleTuple(Take1To3(2))); break;
                case '\x87': stack.Add(new PickleTuple(Take1To3(3))); break;
                case ']' or '\x8f': stack.Add(new PickleList()); break;
                case 'l' or '\x91': stack.Add(ListOf(ToMark())); break;
                case 'a': Append([Pop()]); break;
                case 'e' or '\x90': Append(ToMark()); break;
                case '}': stack.Add(new PickleDict()); break;
                case 'd': stack.Add(new PickleDict()); SetItems(FromUnderMark()); break;
                case 's': SetItems(Take1To3(2)); break;
                case 'u': SetItems(ToMark()); break;
                case 'p': memo[Number(Line())] = Peek(); break;
                case 'q': memo[Byte()] = Peek(); break;
                case 'r': memo[UInt32()] = Peek(); break;
                case '\x94': memo[memo.Count] = Peek(); break;
                case 'g': stack.Add(Recall(Number(Line()))); break;
                case 'h': stack.Add(Recall(Byte())); break;
                case 'j': stack.Add(Recall(UInt32())); break;
                case 'c': stack.Add(Global(Line(), Line())); break;
                case '\x93': StackGlobal(); break;
                case 'R' or '\x81': Call(); break; // REDUCE, NEWOBJ
                case 'i': Call(Global(Line(), Line()), new(ToMark())); break; // INST
                case 'b': Build(); break;
                case 'P': stack.Add(Storage(new PickleTuple([]))); break;
                case 'Q': stack.Add(Storage(Pop())); break;
                default: throw new PickleException($"opcode 0x{(int)opcode:x2}", "an opcode that torch writes");
            }
        }
        throw new PickleException($"more than {StepsMax:N0} steps", "a checkpoint's pickle");
    }

    static PickleGlobal Global(string module, string name) =>
        PickleGlobals.Find(module, name) ?? throw new PickleException($"the global {Printable(module)}.{Printable(name)}", PickleGlobals.Allowed);

    void StackGlobal()
    {
        var (name, module) = (Pop(), Pop());
        stack.Add(Global(module as string ?? "?", name as string ?? "?"));
    }

    void Call()
    {
        var arguments = Pop() as PickleTuple ?? throw new PickleException("a call without arguments", "a tuple");
        var callee = Pop() as PickleGlobal ?? throw new PickleException("a call of something that is no function", PickleGlobals.Allowed);
        Call(callee, arguments);
    }

    void Call(PickleGlobal callee, PickleTuple arguments)
    {
        if (arguments.Items is [PickleList items, ..])
            Copied(items);
        stack.Add(PickleGlobals.Call(callee, arguments));
    }

    /// <summary>A step may copy a container that is stored once: what is copied in all is bounded like the steps.</summary>
    T Copied<T>(T container) where T : System.Collections.ICollection =>
        (copied += container.Count) <= StepsMax ? container : throw new PickleException($"more than {StepsMax:N0} items", "a checkpoint's pickle");

    long copied;

    void Build()
    {
        var state = Pop();
        // The attributes of a Namespace are its items; of an OrderedDict (torch hangs "_metadata" on a state_dict) they are of no use here.
        if (Peek() is not PickleDict target || state is not PickleDict attributes)
            throw new PickleException("a state for something that has none", "a Namespace or an OrderedDict");
        if (target.IsNamespace)
            target.AddRange(Copied(attributes).ToArray());
    }

    static PickleStorage Storage(object? id) =>
        id is PickleTuple { Items: ["storage", PickleGlobal kind, string key, string, long elements, .. var view] } && PickleGlobals.StorageType(kind.Name) is { } type && TensorEntry.IsPrintable(key)
            ? view is [] or [null]
                ? new(type, key, elements)
                : throw new PickleException("a storage that is a view of another", "storages of their own, as torch has written since 0.4")
            : throw new PickleException("a persistent id that torch does not write", "('storage', type, key, device, elements)");

    void SetItems(object?[] items)
    {
        if (Peek() is not PickleDict dict || items.Length % 2 != 0)
            throw new PickleException("items for something that is no dictionary", "a dictionary and pairs");
        for (var i = 0; i < items.Length; i += 2)
            dict.Add(new(items[i], items[i + 1]));
    }

    void Append(object?[] items) =>
        (Peek() as PickleList ?? throw new PickleException("items for something that is no list", "a list")).AddRange(items);

    static PickleList ListOf(object?[] items)
    {
        var list = new PickleList();
        list.AddRange(items);
        return list;
    }

    object? Recall(long key) => memo.TryGetValue(key, out var value) ? value : throw new PickleException($"memo {key}, which was never stored", "a stored value");

    object? Peek() => stack.Count > Floor ? stack[^1] : throw new PickleException("an empty stack", "a value");

    object? Pop()
    {
        var value = Peek();
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    void Discard()
    {
        if (marks.Count > 0 && marks[^1] == stack.Count)
            marks.RemoveAt(marks.Count - 1);
        else
            Pop();
    }

    int Floor => marks.Count > 0 ? marks[^1] : 0;

    object?[] ToMark()
    {
        if (marks.Count == 0)
            throw new PickleException("no mark", "a mark below the items");
        var items = stack.GetRange(Floor, stack.Count - Floor).ToArray();
        stack.RemoveRange(Floor, items.Length);
        marks.RemoveAt(marks.Count - 1);
        return items;
    }

    object?[] FromUnderMark()
    {
        // The new dictionary was pushed above the items: take it off, gather, put it back.
        var dict = Pop();
        var items = ToMark();
        stack.Add(dict);
        return items;
    }

    object?[] Take1To3(int count)
    {
        if (stack.Count - Floor < count)
            throw new PickleException("an empty stack", $"{count} values");
        var items = stack.GetRange(stack.Count - count, count).ToArray();
        stack.RemoveRange(stack.Count - count, count);
        return items;
    }

    readonly byte[] small = new byte[8];

    byte Byte() => Take(1)[0];

    long UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    ReadOnlySpan<byte> Take(int count)
    {
        Length(count);
        stream.ReadExactly(small, 0, count);
        return small.AsSpan(0, count);
    }

    /// <summary>Whether so many bytes follow: asked before memory for them is taken.</summary>
    int Length(long count) =>
        count >= 0 && count <= end - stream.Position ? (int)count : throw new PickleException($"a value of {count:N0} bytes", $"at most {end - stream.Position:N0}, what is left");

    byte[] Bytes(long count)
    {
        var bytes = new byte[Length(count)];
        stream.ReadExactly(bytes);
        return bytes;
    }

    string Utf8(long count)
    {
        try
        {
            return Strict.GetString(Bytes(count));
        }
        catch (DecoderFallbackException)
        {
            throw new PickleException("a text that is no UTF-8", "UTF-8");
        }
    }

    string Latin1(long count) => Encoding.Latin1.GetString(Bytes(count));

    static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    string Line()
    {
        var line = new StringBuilder();
        for (char c; (c = (char)Byte()) != '\n';)
            if (line.Append(c).Length > LineBytesMax)
                throw new PickleException($"a line of more than {LineBytesMax} bytes", "a shorter one");
        return line.ToString();
    }

    const int LineBytesMax = 4096;

    void PushLong(int count)
    {
        if (count is < 0 or > 1024)
            throw new PickleException($"a number of {count} bytes", "at most 1,024");
        PushLong(new BigInteger(Bytes(count)));
    }

    void PushLong(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue)
            stack.Add((long)value);
        else
            stack.Add(value);
    }

    static object Integer(string text) => text switch { "00" => false, "01" => true, _ => Number(text) };

    static long Number(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
        ? value
        : throw new PickleException($"the number '{Printable(text)}'", "a whole number");

    static BigInteger Big(string text) => BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
        ? value
        : throw new PickleException($"the number '{Printable(text)}'", "a whole number");

    static double Float(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
        ? value
        : throw new PickleException($"the number '{Printable(text)}'", "a number");

    /// <summary>Protocol 0's texts. Escapes don't occur in what torch writes, so they stay as they are.</summary>
    static string Quoted(string line, char opcode) =>
        opcode == 'V' ? line
        : line is [('\'' or '"') and var open, .. var inner, var close] && open == close ? inner
        : throw new PickleException("a text without quotes", "quotes");

    static string Printable(string text) => string.Concat(text.Take(80).Select(c => char.IsControl(c) ? '?' : c));
}
