using Orchestrator.Benchmarks;

if (KeptMemory.Restarted(args) is { } exitCode)
    return exitCode;
switch (args)
{
    case ["padding"]:
        return PaddingBenchmark.Run();
    case ["step", .. var options]:
        return StepBenchmark.Run(options);
    case ["backward"]:
        return BackwardBenchmark.Run();
    default:
        Console.Error.WriteLine("""
            dotnet run -c Release --project tests/Orchestrator.Benchmarks -- BENCHMARK
              padding    real tokens per second of a backward pass: packed with a shared beginning, packed, padded to 512 rows
              step [fp32|bf16] [threads=1|threads=2] [fast] [small] [batches=N]
                         a step's gradient by the fast kernels and by the reference fed as the original does it: times, work, share of the roofline, memory
              backward   time and managed memory of a backward pass, for a model of 32,000 pieces and for a small one
            """);
        return 2;
}
