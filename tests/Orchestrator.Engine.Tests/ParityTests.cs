using Orchestrator.Harness;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Tests;

public sealed class ParityTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("a:1", KernelKind.Fast)]
    [InlineData("a:1", KernelKind.Reference)]
    [InlineData("a:3", KernelKind.Fast)]
    [InlineData("a:2 b:1", KernelKind.Reference)]
    [InlineData("a:1 b:1 c:1 d:1 e:1", KernelKind.Fast)]
    public async Task A_whole_run_ends_as_the_original_ended_it_with_any_number_of_workers(string processes, KernelKind kernels)
    {
        var plan = Jobs.Golden(folder, spec => spec with { Device = spec.Device with { Kernels = kernels } });
        var run = Path.Combine(folder, "run");
        await using var job = new Rehearsal(plan, run);
        job.Offer([.. processes.Split(' ').Select(process => process.Split(':')).Select(parts => (parts[0], int.Parse(parts[1])))]);
        var end = await job.Over;
        Assert.True(end.Phase == JobPhase.Completed, string.Join('\n', job.Reasons));

        using var expected = TensorFile.Open(Shared.Find("reference/run_parity/expected.safetensors")!);
        using var losses = expected.Load("losses");
        Assert.Equal(losses.data<float>().ToArray(), job.Ledger.Values.Select(line => (float)line.Loss), (a, b) => Math.Abs(a - b) <= 1e-3 * Math.Abs(a));
        using var ended = AdapterFile.Read(Path.Combine(new RunFolder(run).Checkpoint(plan.Last), AdapterFile.Name));
        foreach (var (name, tensor) in ended.Tensors)
        {
            using var golden = expected.Load(name);
            using var difference = (tensor - golden).norm();
            using var size = golden.norm();
            Assert.True(difference.item<float>() <= 1e-3 * size.item<float>() + 1e-12, name);
        }
    }
}
