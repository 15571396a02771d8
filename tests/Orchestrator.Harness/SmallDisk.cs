using System.Globalization;

namespace Orchestrator.Harness;

/// <summary>A disk of a test's own, that it can fill, and write-protect. Needs root.</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-disk-");

    SmallDisk()
    {
    }

    /// <summary>Whether a test may have one.</summary>
    public static bool CanBeMounted => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess;

    /// <summary>Why a test that needs one is skipped.</summary>
    public const string Missing = "a disk of its own needs root";

    /// <summary>Where it is.</summary>
    public string Path => folder.FullName;

    string Ballast => System.IO.Path.Combine(Path, "ballast");

    /// <summary>Mounts one.</summary>
    /// <param name="bytes">its size</param>
    public static async Task<SmallDisk> Mount(long bytes)
    {
        var disk = new SmallDisk();
        await Commands.Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={bytes}"), "orchestrator-test", disk.Path);
        return disk;
    }

    /// <summary>Leaves not a byte of it free.</summary>
    public void Fill()
    {
        using var file = new FileStream(Ballast, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var size in new[] { 1 << 20, 1 << 12, 1 })
        {
            try
            {
                while (true)
                    file.Write(new byte[size]);
            }
            catch (IOException)
            {
                // no room for so many bytes: perhaps for fewer
            }
        }
    }

    /// <summary>Gives back what <see cref="Fill"/> took.</summary>
    public void Empty() => File.Delete(Ballast);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Commands.Run("umount", "-l", Path);
        folder.Delete();
    }
}
