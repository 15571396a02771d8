using System.Text.Json;

namespace Orchestrator.Cli.Tests;

public class DemonstrationTests
{
    [Fact]
    public void The_adapter_brings_out_what_the_base_knew_and_no_fault_changes_a_byte_of_it()
    {
        var folder = Directory.CreateTempSubdirectory("orchestrator-demo-").FullName;
        try
        {
            using var process = Orchestrated.Start("demo", "--chaos", "--json", "--output", Path.Combine(folder, "demo"));
            var end = Orchestrated.EndOf(process, TimeSpan.FromMinutes(8));
            Assert.True(end.Code == ExitCodes.Done, end.Error);
            using var json = JsonDocument.Parse(end.Out);
            var found = json.RootElement;
            Assert.True(found.GetProperty("exactBefore").GetDouble() < 0.1);
            Assert.True(found.GetProperty("exactAfter").GetDouble() > 0.9);
            var digest = found.GetProperty("adapterSha256").GetString();
            var twins = found.GetProperty("twins").EnumerateArray().Select(twin => twin.GetProperty("adapterSha256").GetString()).ToList();
            Assert.Equal([digest, digest], twins);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
