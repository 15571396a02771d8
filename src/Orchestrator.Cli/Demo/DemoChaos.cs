using System.Diagnostics;
using Orchestrator.Engine;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Server;

namespace Orchestrator.Cli.Demo;

/// <summary>The demonstration's job again, with other numbers of workers and with things that go wrong: every run must end in the same bytes.</summary>
static class DemoChaos
{
    const int WorkerDiesAtStep = 41;
    const int ProcessDiesAtStep = 60;

    /// <summary>Runs the twins and tells their digests.</summary>
    /// <param name="folder">the first run's folder; the twins' lie beside it</param>
    /// <param name="expected">the first run's digest</param>
    /// <param name="output">where progress goes</param>
    /// <param name="stop">ends it early</param>
    public static IReadOnlyList<DemoTwin> Run(string folder, string expected, Output output, CancellationToken stop)
    {
        List<DemoTwin> twins =
        [
            new($"3 workers, one killed in step {WorkerDiesAtStep}", LosesAWorker(folder + "-killed-worker", output, stop)),
            new($"5 workers, their process killed in step {ProcessDiesAtStep}, resumed with 1", LosesTheProcess(folder + "-killed-process", output, stop)),
        ];
        foreach (var twin in twins.Where(twin => twin.AdapterSha256 != expected))
            output.Error($"{twin.What}: {twin.AdapterSha256} instead of {expected}");
        return twins;
    }

    static string LosesAWorker(string folder, Output output, CancellationToken stop)
    {
        var killed = false;
        var result = DemoRun.Train(new TrainRequest(DemoRun.Spec(workers: 3), DemoRun.Fresh(folder), Resume: false), output, Kill, stop);
        if (!killed)
            throw new InvalidOperationException("no worker was killed");
        return Digest(result);

        void Kill(TrainingEngine engine, StepReport step)
        {
            if (!killed && step.Line.Step >= WorkerDiesAtStep - 1)
                killed = engine.Kill(DemoRun.Spec(3).Name, new WorkerId(LocalSilo.Name, 1));
        }
    }

    static string LosesTheProcess(string folder, Output output, CancellationToken stop)
    {
        DemoRun.Fresh(folder);
        var run = new RunFolder(folder);
        using (var victim = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. Self(), "demo", "--workers", "5", "--output", folder]) { RedirectStandardOutput = true, RedirectStandardError = true })!)
        {
            var drained = Task.WhenAll(victim.StandardOutput.ReadToEndAsync(stop), victim.StandardError.ReadToEndAsync(stop));
            while (!victim.HasExited && !Reached(run))
            {
                if (stop.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(20)))
                    break;
            }
            victim.Kill();
            victim.WaitForExit();
            _ = drained.Exception;
        }
        stop.ThrowIfCancellationRequested();
        return Digest(DemoRun.Train(new TrainRequest(DemoRun.Spec(workers: 1), folder, Resume: true), output, drill: null, stop));
    }

    // Started as `dotnet orchestrator.dll`, the process needs the assembly named first.
    static IEnumerable<string> Self()
        => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Path.Combine(AppContext.BaseDirectory, "orchestrator.dll")] : [];

    static bool Reached(RunFolder run)
    {
        if (!File.Exists(run.Ledger))
            return false;
        using var ledger = new StreamReader(new FileStream(run.Ledger, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var lines = 0;
        while (ledger.ReadLine() is not null)
            lines++;
        return lines > ProcessDiesAtStep;
    }

    static string Digest(TrainResult result) => result.AdapterSha256 ?? throw new ProblemException("demo --chaos", $"a run that ended at step {result.Step}", $"one that reaches step {result.Steps}");
}
