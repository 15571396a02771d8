using System.Buffers.Binary;
using System.Text;

namespace Orchestrator.Architecture.Tests;

/// <summary>The symbol versions that a 64-bit ELF library demands of others (section <c>.gnu.version_r</c>; System V ABI, Linux Standard Base Core 5.0, 11.7.4).</summary>
static class SymbolVersions
{
    const uint VersionNeeds = 0x6FFFFFFE;      // SHT_GNU_verneed
    const int Weak = 0x2;                      // VER_FLG_WEAK

    /// <summary>Name of each version, and whether the loader insists on it.</summary>
    public static IReadOnlyList<(string Version, bool IsStrong)> Of(string library)
    {
        var bytes = File.ReadAllBytes(library);
        Assert.True(bytes.AsSpan().StartsWith("\u007fELF"u8) && bytes[4] == 2, $"{library} is a 64-bit ELF file");
        var (sections, size, count) = (Quad(40), Half(58), Half(60));
        List<(string, bool)> found = [];
        for (var section = sections; section < sections + count * size; section += size)
        {
            if (Word(section + 4) != VersionNeeds)
                continue;
            var names = Quad(sections + Word(section + 40) * size + 24);
            var need = Quad(section + 24);
            for (var needs = Word(section + 44); needs > 0; needs--, need += Word(need + 12))
            {
                var entry = need + Word(need + 8);
                for (var entries = Half(need + 2); entries > 0; entries--, entry += Word(entry + 12))
                    found.Add((Text(names + Word(entry + 8)), (Half(entry + 4) & Weak) == 0));
            }
        }
        return found;

        int Half(long at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan((int)at));
        uint Word(long at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan((int)at));
        long Quad(long at) => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan((int)at));
        string Text(long at) => Encoding.ASCII.GetString(bytes.AsSpan((int)at, bytes.AsSpan((int)at).IndexOf((byte)0)));
    }
}
