using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>
/// The file format of tiktoken: a line for each token, its bytes in base64, a space and its rank. Ranks are the token numbers; of neighbours
/// whose union is a token, those of the lowest rank are merged first.
/// </summary>
internal static class TiktokenRanks
{
    const string Expected = "base64, a space and a rank";

    /// <summary>Whether a file may be one: its first line is.</summary>
    public static bool Fits(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)'\n');
        return Parse(end < 0 ? bytes : bytes[..end]) is not null;
    }

    /// <summary>Reads the tokens, by rank.</summary>
    /// <exception cref="ProblemException">a line is none, a rank is missing or there twice, a byte has no token</exception>
    public static byte[][] Read(string path, ReadOnlySpan<byte> bytes)
    {
        var ranked = new List<(byte[] Token, int Rank, int Line)>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        var number = 0;
        foreach (var range in bytes.Split((byte)'\n'))
        {
            number++;
            var line = bytes[range];
            if (line.Trim(" \r"u8).IsEmpty)
                continue;
            var (token, rank) = Parse(line)
                ?? throw new ProblemException($"{path}:{number}", $"\"{Encoding.UTF8.GetString(line[..Math.Min(40, line.Length)])}\"", Expected);
            if (!known.Add(Convert.ToHexString(token)))
                throw new ProblemException($"{path}:{number}", "a token that stands above already", "every token once");
            ranked.Add((token, rank, number));
        }
        var tokens = new byte[ranked.Count][];
        foreach (var (token, rank, line) in ranked)
        {
            if (rank >= tokens.Length || tokens[rank] is not null)
                throw new ProblemException($"{path}:{line}", $"rank {rank}", $"ranks 0 to {tokens.Length - 1}, each once", "copy the file again");
            tokens[rank] = token;
        }
        for (var b = 0; b < 256; b++)
        {
            if (!known.Contains(Convert.ToHexString([(byte)b])))
                throw new ProblemException(path, $"no token for byte 0x{b:X2}", "one for each of the 256 bytes");
        }
        return tokens;
    }

    static (byte[] Token, int Rank)? Parse(ReadOnlySpan<byte> line)
    {
        line = line.TrimEnd((byte)'\r');
        var space = line.IndexOf((byte)' ');
        if (space < 1
            || !int.TryParse(line[(space + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var rank)
            || !Base64.IsValid(line[..space], out var length) || length == 0)
            return null;
        var token = new byte[length];
        return Base64.DecodeFromUtf8(line[..space], token, out _, out var written) == System.Buffers.OperationStatus.Done && written == length
            ? (token, rank) : null;
    }
}
