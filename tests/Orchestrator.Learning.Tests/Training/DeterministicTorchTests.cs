using System.Runtime.CompilerServices;
using Orchestrator.Learning.Training;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

public class DeterministicTorchTests
{
    // Whichever test comes first, as a program would do it.
    [ModuleInitializer]
    internal static void PrepareProcess() => DeterministicTorch.PrepareProcess();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_product_does_not_feel_where_in_memory_the_weights_lie(int rows)
    {
        DeterministicTorch.EnterWorkerThread(1);
        using var scope = NewDisposeScope();
        var x = sin(arange(rows * 512, dtype: ScalarType.Float32)).view(rows, 512);
        var weight = cos(arange(512 * 512, dtype: ScalarType.Float32)).view(512, 512);
        var expected = nn.functional.linear(x, weight);
        for (var offset = 0; offset < 32; offset++)
        {
            var elsewhere = zeros(512 * 512 + 32).narrow(0, offset, 512 * 512).view(512, 512);
            elsewhere.copy_(weight);
            Assert.True(nn.functional.linear(x, elsewhere).equal(expected).all().item<bool>(), $"other bits {offset * sizeof(float)} bytes further");
        }
    }

    [Fact]
    public void A_workers_thread_count_survives_another_workers_before_the_first_kernel_and_after()
    {
        using var firstEntered = new ManualResetEventSlim();
        using var secondEntered = new ManualResetEventSlim();
        int first = 0, second = 0;
        var one = new Thread(() =>
        {
            DeterministicTorch.EnterWorkerThread(1);
            firstEntered.Set();
            secondEntered.Wait();
            using var product = mm(ones(64, 64), ones(64, 64));
            first = get_num_threads();
        });
        var two = new Thread(() =>
        {
            firstEntered.Wait();
            DeterministicTorch.EnterWorkerThread(2);
            secondEntered.Set();
            one.Join();
            using var product = mm(ones(64, 64), ones(64, 64));
            second = get_num_threads();
        });
        one.Start();
        two.Start();
        two.Join();
        Assert.Equal((1, 2), (first, second));
    }
}
