using System.Buffers.Binary;
using System.Text;

namespace Orchestrator.Harness;

/// <summary>Damage to a file as a function of a seed: bits, lengths, cuts, repetitions, pieces of other files.</summary>
public static class Mutation
{
    static readonly long[] Lengths = [0, 1, 2, 7, 255, 256, 65_535, 65_536, int.MaxValue, uint.MaxValue, int.MinValue, -1, -2, long.MaxValue, long.MinValue, 1L << 40];
    static readonly byte[] Bytes = [0, 1, 0x7f, 0x80, 0xff, (byte)'0', (byte)'9', (byte)'-', (byte)'.', (byte)'R', (byte)'c', (byte)'(', (byte)'t', (byte)'2', (byte)'b', (byte)'{', (byte)'}', (byte)'"', (byte)'\\'];

    public static byte[] Of(byte[] file, byte[] other, Random random)
    {
        var bytes = file.ToList();
        for (var times = random.Next(2) == 0 ? 1 : random.Next(2, 5); times > 0; times--)
            Once(bytes, other, random);
        return [.. bytes];
    }

    static void Once(List<byte> bytes, byte[] other, Random random)
    {
        if (bytes.Count == 0)
        {
            bytes.Add((byte)random.Next(256));
            return;
        }
        var at = Position(bytes.Count, random);
        var length = Math.Min(random.Next(1, 64), bytes.Count - at);
        switch (random.Next(16))
        {
            case 0 or 1:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 2 or 3:
                bytes[at] = Bytes[random.Next(Bytes.Length)];
                break;
            case 4:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 5:
                bytes.RemoveRange(at, length);
                break;
            case 6:
                bytes.InsertRange(Position(bytes.Count, random), bytes.GetRange(at, length));
                break;
            case 7:
                bytes.InsertRange(at, other.AsSpan(Position(other.Length, random)) is var rest ? rest[..Math.Min(rest.Length, random.Next(1, 256))].ToArray() : []);
                break;
            case 8 or 9:
                var value = random.Next(3) == 0 ? bytes.Count + random.Next(-2, 3) : Lengths[random.Next(Lengths.Length)];
                Overwrite(bytes, at, value, 1 << random.Next(4));
                break;
            case 10:
                bytes[Digit(bytes, at)] = (byte)('0' + random.Next(10));
                break;
            case 11 or 12 or 13:
                Number(bytes, Digit(bytes, at), random);
                break;
            case 14:
                Literal(bytes, at, random);
                break;
            default:
                bytes.AddRange(new byte[random.Next(1, 200)]);
                break;
        }
    }

    /// <summary>Where the next number of a JSON header begins, else where we are.</summary>
    static int Digit(List<byte> bytes, int at)
    {
        for (var i = at; i < Math.Min(at + 256, bytes.Count); i++)
            if (char.IsAsciiDigit((char)bytes[i]))
                return i;
        return at;
    }

    /// <summary>Another number in place of one, so that the JSON stays whole and lies.</summary>
    static void Number(List<byte> bytes, int at, Random random)
    {
        var end = at;
        while (end < bytes.Count && char.IsAsciiDigit((char)bytes[end]))
            end++;
        bytes.RemoveRange(at, end - at);
        bytes.InsertRange(at, Encoding.ASCII.GetBytes(Numbers[random.Next(Numbers.Length)]));
    }

    static readonly string[] Numbers = ["0", "1", "2", "3", "-1", "64", "65", "4096", "1048576", "2147483647", "4294967296", "9223372036854775807", "1e308", "1e-308", "0.5", "null", "true", "[]", "{}", "\"\""];

    /// <summary>Another word in place of a text of JSON.</summary>
    static void Literal(List<byte> bytes, int at, Random random)
    {
        var open = bytes.IndexOf((byte)'"', at);
        var close = open < 0 || open + 1 >= bytes.Count ? -1 : bytes.IndexOf((byte)'"', open + 1);
        if (close < 0 || close - open > 200)
            return;
        bytes.RemoveRange(open + 1, close - open - 1);
        bytes.InsertRange(open + 1, Encoding.ASCII.GetBytes(Words[random.Next(Words.Length)]));
    }

    static readonly string[] Words = ["", "F32", "F16", "I64", "shape", "dtype", "data_offsets", "__metadata__", "../../etc/passwd", "rope_scaling", "llama3", "a\\u0000b", "\\ud800", "head_dim", "n_kv_heads", "model.norm.weight"];

    /// <summary>Mostly where files say what they hold: at their begin and at their end.</summary>
    static int Position(int count, Random random) => random.Next(10) switch
    {
        < 5 => random.Next(Math.Min(count, 4096)),
        < 8 => count - 1 - random.Next(Math.Min(count, 1024)),
        _ => random.Next(count),
    };

    static void Overwrite(List<byte> bytes, int at, long value, int size)
    {
        Span<byte> buffer = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(buffer, value);
        for (var i = 0; i < size && at + i < bytes.Count; i++)
            bytes[at + i] = buffer[i];
    }
}
