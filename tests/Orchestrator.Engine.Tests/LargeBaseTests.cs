using System.Diagnostics;
using System.Globalization;
using Orchestrator.Engine.Resident;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Tests;

public sealed class LargeBaseTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // Writes a gigabyte: not in every run.
    [Fact(Explicit = true)]
    public void A_base_of_one_gigabyte_opens_in_under_a_second_warm()
    {
        RandomBase.Write(folder, vocabulary: 32_000, dim: 1024, layers: 16, heads: 16, hidden: 2816);
        var size = new FileInfo(Path.Combine(folder, "model.safetensors")).Length;
        Assert.InRange(size, 1_000_000_000, 1_200_000_000);
        using var bases = new ResidentBases();
        var took = new List<double>();
        for (var i = 0; i < 4; i++)
        {
            var started = Stopwatch.GetTimestamp();
            using var lease = bases.Acquire(folder, Precision.Fp32, "cpu");
            took.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size} bytes: {string.Join(' ', took.Select(seconds => seconds.ToString("0.000", CultureInfo.InvariantCulture)))} s"));
        Assert.InRange(took.Skip(1).Min(), 0, 1);
    }
}
