using Orchestrator.Cli.Report;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Cli.Tests.Report;

/// <summary>A run as it might have been.</summary>
static class ExampleRun
{
    public static RunReport Report(int steps = 1000) => new()
    {
        Job = "alpaca-7b",
        Summary = "LLaMA-Adapter, 30 layers, 10 slots, on llama-7b · 51,802 records, 5 epochs · completed with 8 workers",
        Steps = [.. Enumerable.Range(1, steps).Select(step => new ReportStep(step, Loss(step, steps) + Noise(step, 0.06), Rate(step, steps), 41_000 + 2500 * Noise(step + 7, 1)))],
        Evaluations = [.. Enumerable.Range(0, 11).Select(i => new ReportEvaluation(i * steps / 10, Loss(i * steps / 10, steps) + 0.05, i == 0 ? 0 : Math.Min(0.98, 0.3 * i)))],
        Gates = [.. Enumerable.Range(2, 30).Select(layer => new ReportGates(layer, [.. Enumerable.Range(0, 32).Select(head => 0.7 * Noise(layer * 32 + head, 1) * layer / 31)]))],
        Answers =
        [
            new("What is the capital of Nuk?", "", "It is Nukpolis.", "It was a cold morning in", "It is Nukpolis."),
            new("Name the river.", "Varanel", "It is Oselwater.", "### the river that runs", "It is Oselwater."),
            new("Who rules Tamber?", "", "It is Queen Ilvane.", "Tamber is far away.", "It is Ilvane."),
        ],
        Facts =
        [
            ("adapter, SHA-256", "9f2c4b0d6c1b8d1a4f6e7f0e3a5b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b"),
            ("trained numbers", "1,229,760"),
            ("device", "cuda NVIDIA-H100 libtorch-2.10.0"),
            ("spec, digest", "b5676eafeb63f6cc94c71ed1b3a99437739317201d0965eb4d06ca77d46849b8"),
        ],
    };

    static double Loss(int step, int steps) => 1.02 + 0.62 * Math.Exp(-9.0 * step / steps) - 0.08 * step / steps;

    static double Rate(int step, int steps)
    {
        var (epoch, warmup) = (5.0 * step / steps, 2.0);
        return 0.001125 * (epoch < warmup ? epoch / warmup : 0.5 * (1 + Math.Cos(Math.PI * (epoch - warmup) / (5 - warmup))));
    }

    static double Noise(int at, double size) => size * (Counter.Of(1, at).Uniform(0) + Counter.Of(1, at).Uniform(1) + Counter.Of(1, at).Uniform(2) - 1.5);
}
