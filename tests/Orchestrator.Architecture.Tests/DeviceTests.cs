using System.Text.Json;

namespace Orchestrator.Architecture.Tests;

/// <summary>Which libtorch a build takes. Evaluated, not restored: the one for CUDA has gigabytes, and not every registry serves it.</summary>
public class DeviceTests
{
    [Fact]
    public void A_build_for_cuda_takes_the_cuda_package_of_the_same_version_and_no_other_libtorch()
    {
        var (packages, versions) = Evaluate("-p:Device=cuda");
        Assert.Contains("TorchSharp-cuda-linux", packages);
        Assert.DoesNotContain(packages, package => package.StartsWith("libtorch-cpu", StringComparison.Ordinal) || package == "TorchSharp-cpu");
        Assert.Equal(versions["TorchSharp"], versions["TorchSharp-cuda-linux"]);
    }

    [Fact]
    public void A_build_that_says_nothing_takes_one_libtorch_for_the_processor()
    {
        var (packages, _) = Evaluate();
        Assert.Single(packages, package => package.StartsWith("libtorch-cpu", StringComparison.Ordinal));
        Assert.DoesNotContain(packages, package => package.Contains("cuda", StringComparison.Ordinal));
    }

    static (IReadOnlyList<string> Packages, IReadOnlyDictionary<string, string> Versions) Evaluate(params string[] properties)
    {
        var (code, output) = Repository.Run("dotnet",
            ["msbuild", "src/Orchestrator.Learning/Orchestrator.Learning.csproj", "-nologo", "-getItem:PackageReference", "-getItem:PackageVersion", .. properties]);
        Assert.True(code == 0, output);
        using var evaluated = JsonDocument.Parse(output);
        var items = evaluated.RootElement.GetProperty("Items");
        return ([.. items.GetProperty("PackageReference").EnumerateArray().Select(Identity)],
            items.GetProperty("PackageVersion").EnumerateArray().ToDictionary(Identity, item => item.GetProperty("Version").GetString()!));

        static string Identity(JsonElement item) => item.GetProperty("Identity").GetString()!;
    }
}
