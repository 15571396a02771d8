using System.Text;
using Grpc.Core;

namespace Orchestrator.Collectives.Http2;

/// <summary>As much of HPACK (RFC 7541) as a call needs that forbids the peer the dynamic table: literals out, and of what comes in a gRPC status.</summary>
static class HeaderBlock
{
    // Entries of the static table, appendix A.
    const byte Authority = 1, MethodPost = 3, Path = 4, SchemeHttp = 6, SchemeHttps = 7, ContentType = 31;
    const byte Indexed = 0x80;

    /// <summary>The headers of a gRPC call.</summary>
    public static byte[] OfCall(Uri address, string method)
    {
        var block = new List<byte> { Indexed | MethodPost, (byte)(Indexed | (address.Scheme == Uri.UriSchemeHttps ? SchemeHttps : SchemeHttp)) };
        Literal(block, Path, method);
        Literal(block, Authority, address.Authority);
        Literal(block, ContentType, "application/grpc");
        block.Add(0);
        Text(block, "te");
        Text(block, "trailers");
        return [.. block];
    }

    /// <summary>The status that a block of headers or trailers names, or null. What is Huffman-coded is not read: our servers send none, and whoever stands between them and us may.</summary>
    /// <exception cref="InvalidDataException">no block</exception>
    public static Status? StatusOf(ReadOnlySpan<byte> block)
    {
        (int? code, var detail) = (null, "");
        while (!block.IsEmpty)
        {
            var first = block[0];
            if ((first & 0x80) != 0)                                  // indexed: nothing of gRPC's is in the static table
                Number(ref block, prefixBits: 7);
            else if ((first & 0xE0) == 0x20)                          // the table's size
                Number(ref block, prefixBits: 5);
            else
            {
                var name = Number(ref block, prefixBits: (first & 0x40) != 0 ? 6 : 4) == 0 ? TextOf(ref block) : "";
                var value = TextOf(ref block);
                if (name == "grpc-status" && int.TryParse(value, out var number))
                    code = number;
                else if (name == "grpc-message")
                    detail = Uri.UnescapeDataString(value ?? "");
            }
        }
        return code is { } found ? new Status((StatusCode)found, detail) : null;
    }

    static void Literal(List<byte> block, int name, string value)
    {
        WriteNumber(block, name, prefixBits: 4);
        Text(block, value);
    }

    static void Text(List<byte> block, string text)
    {
        WriteNumber(block, text.Length, prefixBits: 7);
        block.AddRange(Encoding.ASCII.GetBytes(text));
    }

    // Integers, section 5.1; the bits before the prefix are 0.
    static void WriteNumber(List<byte> block, int number, int prefixBits)
    {
        var full = (1 << prefixBits) - 1;
        if (number < full)
        {
            block.Add((byte)number);
            return;
        }
        block.Add((byte)full);
        for (number -= full; number >= 128; number >>= 7)
            block.Add((byte)(number & 127 | 128));
        block.Add((byte)number);
    }

    static int Number(ref ReadOnlySpan<byte> block, int prefixBits)
    {
        var full = (1 << prefixBits) - 1;
        var number = Next(ref block) & full;
        for (var shift = 0; number >= full; shift += 7)
        {
            var more = Next(ref block);
            if (shift > 14)
                throw new InvalidDataException("a header block with a number that is too large");
            number += (more & 127) << shift;
            if (more < 128)
                break;
        }
        return number;
    }

    static string? TextOf(ref ReadOnlySpan<byte> block)
    {
        var isHuffman = !block.IsEmpty && (block[0] & 0x80) != 0;
        var length = Number(ref block, prefixBits: 7);
        if (length > block.Length)
            throw new InvalidDataException($"a header block that ends within a text of {length} bytes");
        var text = isHuffman ? null : Encoding.ASCII.GetString(block[..length]);
        block = block[length..];
        return text;
    }

    static byte Next(ref ReadOnlySpan<byte> block)
    {
        if (block.IsEmpty)
            throw new InvalidDataException("a header block that ends within a number");
        var next = block[0];
        block = block[1..];
        return next;
    }
}
