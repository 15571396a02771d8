using System.Globalization;
using Orchestrator.Benchmarks;

if (KeptMemory.Restarted(args) is { } exitCode)
    return exitCode;
switch (args)
{
    case ["table", .. var options]:
        return await Table.Run(options);
    case ["balance" or "exchange" or "overhead" or "telemetry" or "checkpoint" or "open" or "generation", .. var options]:
        return await Table.Run([.. options, $"only={args[0]}"]);
    case ["exchange-process", var self, var count, var reductions]:
        return await ExchangeBenchmark.One(int.Parse(self, CultureInfo.InvariantCulture), int.Parse(count, CultureInfo.InvariantCulture), int.Parse(reductions, CultureInfo.InvariantCulture));
    case ["padding"]:
        return PaddingBenchmark.Run();
    case ["step", .. var options]:
        return StepBenchmark.Run(options);
    case ["backward"]:
        return BackwardBenchmark.Run();
    default:
        Console.Error.WriteLine("""
            dotnet run -c Release --project tests/Orchestrator.Benchmarks -- BENCHMARK
              table [--quick]
                         all of the following up to step, as one Markdown table; quick: few repetitions, to see that it runs
              balance    how evenly the work of a step lies on four workers
              exchange   the sum of a gradient over 2, 4 and 8 processes, over gRPC and over bare sockets
              overhead   what four workers spend outside compute
              telemetry  what metrics, accounts and spans of one step in a hundred add to the step
              checkpoint what a checkpoint at every step adds to the step
              open       from opening a base of a gigabyte to the end of a first step
              generation tokens per second, one text and eight side by side
              step [fp32|bf16] [threads=1|threads=2] [fast] [small] [batches=N]
                         a step's gradient by the fast kernels and by the reference fed as the original does it: times, work, share of the roofline, memory
              padding    real tokens per second of a backward pass: packed with a shared beginning, packed, padded to 512 rows
              backward   time and managed memory of a backward pass, for a model of 32,000 pieces and for a small one
            """);
        return 2;
}
