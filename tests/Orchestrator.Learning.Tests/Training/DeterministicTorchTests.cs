using Orchestrator.Learning.Training;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Tests.Training;

public class DeterministicTorchTests
{
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
