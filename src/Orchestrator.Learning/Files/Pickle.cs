using System.Numerics;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>
/// Reads pickles of protocol 0 to 5 as far as torch writes them (Python's <c>pickletools</c> is the format's description), as inert values.
/// It runs nothing: a global that is not in <see cref="PickleGlobals"/> ends the reading, by name, before anything is done with it.
/// Steps, bytes and depth are bounded, so that a small file cannot ask for much memory.
/// </summary>
sealed class Pickle
{
    /// <summary>The pickle of a 70 B model takes 30,000 steps.</summary>
    const int StepsMax = 1_000_000;

    readonly PickleBytes bytes;
    readonly List<object?> stack = [];
    readonly List<int> marks = [];
    readonly Dictionary<long, object?> memo = [];

    Pickle(Stream stream) => bytes = new(stream);

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
            var opcode = (char)bytes.Byte();
            switch (opcode)
            {
                case '.': return Pop(); // STOP
                case '\x80': bytes.Byte(); break; // PROTO
                case '\x95': bytes.Follow(bytes.Int64()); break; // FRAME: says how much follows, which is only a hint
                case '(': marks.Add(stack.Count); break;
                case '0': Discard(); break;
                case '1': ToMark(); break; // POP_MARK
                case '2': stack.Add(Peek()); break; // DUP
                case 'N': stack.Add(null); break;
                case '\x88': stack.Add(true); break;
                case '\x89': stack.Add(false); break;
                case 'I': stack.Add(bytes.LineInteger()); break;
                case 'L': PushLong(bytes.LineBig()); break;
                case 'J': stack.Add((long)bytes.Int32()); break;
                case 'K': stack.Add((long)bytes.Byte()); break;
                case 'M': stack.Add((long)bytes.UInt16()); break;
                case '\x8a': PushLong(bytes.Big(bytes.Byte())); break;
                case '\x8b': PushLong(bytes.Big(bytes.Int32())); break;
                case 'F': stack.Add(bytes.LineDouble()); break;
                case 'G': stack.Add(bytes.Double()); break;
                case 'S': stack.Add(bytes.LineQuoted()); break;
                case 'V': stack.Add(bytes.Line()); break;
                case 'T': stack.Add(bytes.Latin1(bytes.Int32())); break;
                case 'U': stack.Add(bytes.Latin1(bytes.Byte())); break;
                case 'X': stack.Add(bytes.Utf8(bytes.UInt32())); break;
                case '\x8c': stack.Add(bytes.Utf8(bytes.Byte())); break;
                case '\x8d': stack.Add(bytes.Utf8(bytes.Int64())); break;
                case 'B': stack.Add(bytes.Bytes(bytes.UInt32())); break;
                case 'C': stack.Add(bytes.Bytes(bytes.Byte())); break;
                case '\x8e' or '\x96': stack.Add(bytes.Bytes(bytes.Int64())); break;
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
                case 'p': memo[bytes.LineNumber()] = Peek(); break;
                case 'q': memo[bytes.Byte()] = Peek(); break;
                case 'r': memo[bytes.UInt32()] = Peek(); break;
                case '\x94': memo[memo.Count] = Peek(); break;
                case 'g': stack.Add(Recall(bytes.LineNumber())); break;
                case 'h': stack.Add(Recall(bytes.Byte())); break;
                case 'j': stack.Add(Recall(bytes.UInt32())); break;
                case 'c': stack.Add(Global(bytes.Line(), bytes.Line())); break;
                case '\x93': StackGlobal(); break;
                case 'R' or '\x81': Call(); break; // REDUCE, NEWOBJ
                case 'i': Call(Global(bytes.Line(), bytes.Line()), new(ToMark())); break; // INST
                case 'b': Build(); break;
                case 'P': stack.Add(Storage(new PickleTuple([]))); break;
                case 'Q': stack.Add(Storage(Pop())); break;
                default: throw new PickleException($"opcode 0x{(int)opcode:x2}", "an opcode that torch writes");
            }
        }
        throw new PickleException($"more than {StepsMax:N0} steps", "a checkpoint's pickle");
    }

    static PickleGlobal Global(string module, string name) =>
        PickleGlobals.Find(module, name) ?? throw new PickleException($"the global {PickleBytes.Printable(module)}.{PickleBytes.Printable(name)}", PickleGlobals.Allowed);

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
        id is PickleTuple { Items: ["storage", PickleGlobal kind, string key, string, long elements, .. var view] }
            && PickleGlobals.StorageType(kind.Name) is { } type && TensorEntry.IsPrintable(key)
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

    void PushLong(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue)
            stack.Add((long)value);
        else
            stack.Add(value);
    }
}
