namespace Orchestrator.Benchmarks;

/// <summary>All benchmarks that have a goal, as one table.</summary>
static class Table
{
    /// <summary>Prints it.</summary>
    /// <param name="options"><c>--quick</c> for few repetitions, <c>only=NAME</c> for one benchmark</param>
    /// <returns>1 where a goal was missed</returns>
    public static async Task<int> Run(string[] options)
    {
        var quick = options.Contains("--quick");
        var only = options.FirstOrDefault(option => option.StartsWith("only=", StringComparison.Ordinal))?[5..];
        var report = Report.Begin(quick);
        if (only is null)
        {
            string[] batches = quick ? ["batches=1", "threads=1"] : [];
            StepBenchmark.Run(batches, report);
            StepBenchmark.Run([.. batches, "small", "threads=1"], report);
        }
        if (only is null or "balance")
            BalanceBenchmark.Run(report);
        if (only is null or "exchange")
            ExchangeBenchmark.Run(report, quick);
        if (only is null or "overhead")
            await EngineBenchmarks.Overhead(report, quick);
        if (only is null or "telemetry")
            await EngineBenchmarks.Telemetry(report, quick);
        if (only is null or "checkpoint")
            await EngineBenchmarks.Checkpoints(report, quick);
        if (only is null or "open")
            OnItsThread(() => OpeningBenchmark.Run(report, quick));
        if (only is null or "generation")
            OnItsThread(() => GenerationBenchmark.Run(report, quick));
        return report.AllMet ? 0 : 1;
    }

    // Thread counts and dispose scopes belong to a thread.
    static void OnItsThread(Action run)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                run();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
            throw new InvalidOperationException(failure.Message, failure);
    }
}
