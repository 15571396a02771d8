using System.Globalization;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Training;

namespace Orchestrator.Benchmarks;

/// <summary>Time and managed memory of a backward pass of eight packed examples.</summary>
static class BackwardBenchmark
{
    /// <summary>Prints the table.</summary>
    /// <returns>3 where the data are missing</returns>
    public static int Run()
    {
        if (Workload.Examples(8) is not { } examples)
        {
            Console.Error.WriteLine("../shared has no tokenizer or no data");
            return 3;
        }
        DeterministicTorch.EnterWorkerThread(1);
        Console.WriteLine($"{Measurement.Processor()}, one thread, fp32; medians [least .. most]");
        Console.WriteLine($"{"",-26} {"rows",6}  {"ms of processor time",-28} {"ms by the clock",-28} managed bytes");
        Print("D 512, 6 layers, V 32,000", Workload.Large, examples, repetitions: 15);
        Print("D 128, 4 layers, V 1,100", Workload.Small, Workload.Folded(examples, Workload.Small.Vocabulary), repetitions: 100);
        return 0;
    }

    static void Print(string name, LlamaConfig config, IReadOnlyList<Example> examples, int repetitions)
    {
        using var weights = Workload.Weights(config);
        using var replica = Workload.Replica(weights);
        var batch = new BatchPacker().Pack(examples, PrefixSharing.CommonPrefixes);
        var gradient = new float[replica.Layout.Count];
        var took = new Measurement[repetitions];
        for (var warm = 0; warm < 3; warm++)
            replica.Backward(batch, 1, gradient);
        for (var i = 0; i < repetitions; i++)
            took[i] = Measurement.Of(() => replica.Backward(batch, 1, gradient));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 5; i++)
            replica.Backward(batch, 1, gradient);
        var bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / 5;
        Console.WriteLine($"{name,-26} {batch.Rows,6}  {Spread.Of(took.Select(one => 1e3 * one.Cpu)).Text("F1"),-28} {Spread.Of(took.Select(one => 1e3 * one.Wall)).Text("F1"),-28} "
            + bytes.ToString("N0", CultureInfo.InvariantCulture));
    }
}
