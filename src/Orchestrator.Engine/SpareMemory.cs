using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Orchestrator.Engine;

/// <summary>Memory that a process holds and does not need. Linux only; elsewhere, and where the kernel or the C library refuses, nothing happens.</summary>
static partial class SpareMemory
{
    const long YoungBytesMax = 4 << 20;
    const int DontNeed = 4;      // MADV_DONTNEED
    const int MapThreshold = -3; // M_MMAP_THRESHOLD

    static long collected;

    /// <summary>
    /// Collects the youngest objects when 4 MB of them have come since the last time. The runtime waits for as many as the processor's last cache holds, tens of megabytes, and no setting of a
    /// program changes it; a step leaves a few kilobytes, so this is a millisecond in a thousand steps.
    /// </summary>
    public static void CollectYoung()
    {
        var (allocated, last) = (GC.GetTotalAllocatedBytes(), Interlocked.Read(ref collected));
        if (allocated - last > YoungBytesMax && Interlocked.CompareExchange(ref collected, allocated, last) == last)
            GC.Collect(0);
    }

    /// <summary>
    /// Has large blocks mapped and unmapped one by one from now on. glibc raises its limit for that with every large block that is freed, up to 32 MB, and keeps the holes between blocks in an
    /// arena of each thread: 27 MB of 282 with four workers of a small base (measured). Kernels that reuse their buffers lose no time by it; those that allocate every tensor do.
    /// </summary>
    public static void ReturnLargeBlocks()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = SetOption(MapThreshold, 64 << 10);
        }
        catch (EntryPointNotFoundException)      // a C library other than glibc
        {
        }
    }

    /// <summary>
    /// Gives back what only the start of a process, or an evaluation, needed: code of libtorch and of the runtime that ran once, what native initialisers and evaluations freed;
    /// 55 MB of 340 in a small run (measured). Pages of files that are needed again come from the page cache, in microseconds.
    /// </summary>
    public static void GiveBack()
    {
        if (!OperatingSystem.IsLinux())
            return;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        TrimHeap();
        foreach (var mapping in File.ReadLines("/proc/self/maps"))
            GiveBackCode(mapping);
    }

    // A line is "from-to permissions offset device inode path". Code and assemblies hold what their files hold, so the kernel can bring their pages back, and they stay where they are for as long as
    // the process lives. Nothing else may be given back: relocated tables (r--p) and code that was compiled here (memfd) are the only copy, and where records are mapped now, another thread may have
    // its numbers by the time the kernel is told.
    [SupportedOSPlatform("linux")]
    static void GiveBackCode(string mapping)
    {
        var parts = mapping.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 6 || !parts[5].StartsWith('/') || parts[5].StartsWith("/memfd:", StringComparison.Ordinal)
            || !(parts[1] == "r-xp" || (parts[1] == "r--s" && parts[5].EndsWith(".dll", StringComparison.Ordinal))))
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

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint pad);
}
