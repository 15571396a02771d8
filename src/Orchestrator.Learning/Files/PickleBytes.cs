using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Orchestrator.Learning.Files;

/// <summary>The arguments of a pickle's opcodes. Whether so many bytes follow is asked before memory for them is taken.</summary>
sealed class PickleBytes(Stream stream)
{
    /// <summary>The pickle of a 70 B model takes 100 KB.</summary>
    const long BytesMax = 64 << 20;
    const int LineBytesMax = 4096;
    const int NumberBytesMax = 1024;

    static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    readonly long end = Math.Min(stream.Length, stream.Position + BytesMax);
    readonly byte[] small = new byte[8];

    public byte Byte() => Take(1)[0];

    public int UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public long UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public double Double() => BinaryPrimitives.ReadDoubleBigEndian(Take(8));

    ReadOnlySpan<byte> Take(int count)
    {
        Follow(count);
        stream.ReadExactly(small, 0, count);
        return small.AsSpan(0, count);
    }

    /// <summary>Whether so many bytes follow.</summary>
    /// <exception cref="PickleException">they don't</exception>
    public int Follow(long count) =>
        count >= 0 && count <= end - stream.Position ? (int)count : throw new PickleException($"a value of {count:N0} bytes", $"at most {end - stream.Position:N0}, what is left");

    public byte[] Bytes(long count)
    {
        var bytes = new byte[Follow(count)];
        stream.ReadExactly(bytes);
        return bytes;
    }

    public string Utf8(long count)
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

    public string Latin1(long count) => Encoding.Latin1.GetString(Bytes(count));

    /// <summary>A number of so many bytes, in two's complement.</summary>
    public BigInteger Big(int count) =>
        count is >= 0 and <= NumberBytesMax ? new BigInteger(Bytes(count)) : throw new PickleException($"a number of {count} bytes", $"at most {NumberBytesMax:N0}");

    /// <summary>Protocol 0's arguments end with a line feed.</summary>
    public string Line()
    {
        var line = new StringBuilder();
        for (char c; (c = (char)Byte()) != '\n';)
            if (line.Append(c).Length > LineBytesMax)
                throw new PickleException($"a line of more than {LineBytesMax} bytes", "a shorter one");
        return line.ToString();
    }

    public long LineNumber() => Number(Line());

    /// <summary>A number, or a truth value, which protocol 0 writes as 00 and 01.</summary>
    public object LineInteger() => Line() switch { "00" => false, "01" => true, var text => Number(text) };

    static long Number(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
        ? value
        : throw new PickleException($"the number '{Printable(text)}'", "a whole number");

    public BigInteger LineBig() => Line().TrimEnd('L') is var text && BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
        ? value
        : throw new PickleException($"the number '{Printable(text)}'", "a whole number");

    public double LineDouble() => Line() is var text && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
        ? value
        : throw new PickleException($"the number '{Printable(text)}'", "a number");

    /// <summary>A text in quotes. Escapes don't occur in what torch writes, so they stay as they are.</summary>
    public string LineQuoted() => Line() is [('\'' or '"') and var open, .. var inner, var close] && open == close
        ? inner
        : throw new PickleException("a text without quotes", "quotes");

    public static string Printable(string text) => string.Concat(text.Take(80).Select(c => char.IsControl(c) ? '?' : c));
}
