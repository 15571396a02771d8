using System.IO.Compression;
using System.Text.Json;

namespace Orchestrator.Architecture.Tests;

/// <summary>The step of the build that lets libLibTorchSharp.so load where libstdc++ is older than GCC 13 (<c>Native/OlderLibstdcxx.targets</c>).</summary>
public sealed class OlderLibstdcxxTests : IDisposable
{
    const string Library = "libLibTorchSharp.so";
    const string TooNew = "GLIBCXX_3.4.32";

    readonly string folder = Directory.CreateTempSubdirectory("older-libstdcxx-").FullName;

    [Fact]
    public void The_library_that_was_built_insists_on_no_version_that_older_systems_lack()
    {
        Linux();
        var built = Directory.EnumerateFiles(AppContext.BaseDirectory, Library, SearchOption.AllDirectories).ToList();
        Assert.NotEmpty(built);
        Assert.All(built, library => Assert.Contains((TooNew, false), SymbolVersions.Of(library)));
        Assert.All(built, library => Assert.DoesNotContain((TooNew, true), SymbolVersions.Of(library)));
    }

    [Fact]
    public void The_package_in_the_cache_is_as_it_was_downloaded()
    {
        Linux();
        var (package, cached) = Package();
        using var archive = ZipFile.OpenRead(package);
        using var inside = archive.Entries.Single(entry => entry.FullName.EndsWith("linux-x64/native/" + Library, StringComparison.Ordinal)).Open();
        var original = new MemoryStream();
        inside.CopyTo(original);
        Assert.True(File.ReadAllBytes(cached).AsSpan().SequenceEqual(original.ToArray()), $"{cached} differs from {package}");
    }

    [Fact]
    public void A_link_to_the_package_is_replaced_once_and_then_left_alone()
    {
        Linux();
        var inCache = Path.Combine(folder, "package", Library);
        var inOutput = Path.Combine(folder, "output", "runtimes", Library);
        Directory.CreateDirectory(Path.GetDirectoryName(inCache)!);
        Directory.CreateDirectory(Path.GetDirectoryName(inOutput)!);
        File.Copy(Package().Cached, inCache);
        var (linked, said) = Repository.Run("ln", inCache, inOutput);
        Assert.True(linked == 0, said);
        var original = File.ReadAllBytes(inCache);
        var time = File.GetLastWriteTimeUtc(inCache);

        Assert.Equal(0, Step().Code);
        Assert.Contains((TooNew, false), SymbolVersions.Of(inOutput));
        Assert.Equal(time, File.GetLastWriteTimeUtc(inOutput));
        Assert.True(original.AsSpan().SequenceEqual(File.ReadAllBytes(inCache)), "the package's own file has changed");
        Assert.Equal(1, original.Zip(File.ReadAllBytes(inOutput)).Count(pair => pair.First != pair.Second));

        var (_, before) = Repository.Run("ls", "-i", inOutput);
        Assert.Equal(0, Step().Code);
        Assert.Equal(before, Repository.Run("ls", "-i", inOutput).Output);
    }

    [Fact]
    public void A_file_that_is_no_library_stops_the_build_by_its_name()
    {
        Linux();
        var cut = Path.Combine(folder, "output", Library);
        Directory.CreateDirectory(Path.GetDirectoryName(cut)!);
        File.WriteAllText(cut, "interrupted");
        var (code, output) = Step();
        Assert.NotEqual(0, code);
        Assert.Contains(cut, output, StringComparison.Ordinal);
        Assert.Equal("interrupted", File.ReadAllText(cut));
    }

    // The step alone, on an output folder of ours.
    (int Code, string Output) Step()
        => Repository.Run("dotnet", "msbuild", "src/Orchestrator.Learning/Orchestrator.Learning.csproj", "-nologo", "-nodeReuse:false", "-t:LoadOnOlderLibstdcxx",
            $"-p:Configuration={Repository.Configuration}", $"-p:OutDir={Path.Combine(folder, "output")}/");

    // The package as the restore found it, and its library.
    static (string Package, string Cached) Package()
    {
        using var assets = JsonDocument.Parse(File.ReadAllBytes(Repository.PathOf("src/Orchestrator.Learning/obj/project.assets.json")));
        var path = assets.RootElement.GetProperty("libraries").EnumerateObject().Single(library => library.Name.StartsWith("TorchSharp/", StringComparison.Ordinal)).Value.GetProperty("path").GetString()!;
        var folder = assets.RootElement.GetProperty("packageFolders").EnumerateObject().Select(cache => Path.Combine(cache.Name, path)).First(Directory.Exists);
        return (Directory.EnumerateFiles(folder, "*.nupkg").Single(), Path.Combine(folder, "runtimes", "linux-x64", "native", Library));
    }

    // Elsewhere there is no such library, and nothing for the step to do.
    static void Linux() => Assert.SkipUnless(OperatingSystem.IsLinux(), "libstdc++ is of Linux");

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
