using System.Globalization;

namespace Orchestrator.Harness;

/// <summary>Variables of a process that make its clock wrong: libfaketime, which stands before the C library. What counts intervals, and files' times, stay right.</summary>
public static class WrongClock
{
    static readonly string? library = Directory.Exists("/usr/lib")
        ? Directory.EnumerateFiles("/usr/lib", "libfaketimeMT.so.1", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, MaxRecursionDepth = 3 }).FirstOrDefault()
        : null;

    /// <summary>Whether there is one.</summary>
    public static bool IsInstalled => library is not null;

    /// <summary>Why a test that needs one is skipped.</summary>
    public const string Missing = "libfaketime is not installed";

    /// <summary>A clock that is so many hours ahead.</summary>
    public static IReadOnlyDictionary<string, string> By(int hours) => new Dictionary<string, string>
    {
        ["LD_PRELOAD"] = library!,
        ["FAKETIME"] = string.Create(CultureInfo.InvariantCulture, $"{(hours < 0 ? "" : "+")}{hours}h"),
        ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
        ["FAKETIME_FORCE_MONOTONIC_FIX"] = "0",      // it would make every wait with a deadline end at once
        ["NO_FAKE_STAT"] = "1",
    };
}
