using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Orchestrator.Engine;

/// <summary>
/// Memory that only the start of a process needed: code of libtorch and of the runtime that ran once, and what native initialisers freed. Nothing else uses it, but it is
/// resident until somebody says so: 55 MB of 340 in a small run (measured). Linux only; elsewhere, and where the kernel refuses, nothing happens.
/// </summary>
static partial class StartUpMemory
{
    const int DontNeed = 4;      // MADV_DONTNEED

    /// <summary>Gives it back. Code that is needed again comes from the page cache, in microseconds.</summary>
    public static void GiveBack()
    {
        if (!OperatingSystem.IsLinux())
            return;
        TrimHeap();
        foreach (var mapping in File.ReadLines("/proc/self/maps"))
            GiveBackCode(mapping);
    }

    // A line is "from-to permissions offset device inode path". Pages of a file that nobody can write to through this mapping hold what the file holds, so the kernel can
    // bring them back; those of relocated tables (r--p) and of code that was compiled here (memfd) are the only copy.
    [SupportedOSPlatform("linux")]
    static void GiveBackCode(string mapping)
    {
        var parts = mapping.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 6 || parts[1] is not ("r-xp" or "r--s") || !parts[5].StartsWith('/') || parts[5].StartsWith("/memfd:", StringComparison.Ordinal))
            return;
        var range = parts[0].Split('-');
        var from = nuint.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        var to = nuint.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        _ = Advise(from, to - from, DontNeed);
    }

    [SupportedOSPlatform("linux")]
    static void TrimHeap()
    {
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)      // a C library other than glibc
        {
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nuint address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint pad);
}
