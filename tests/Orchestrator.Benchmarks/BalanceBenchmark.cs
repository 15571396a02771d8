using Orchestrator.Engine.Resident;
using Orchestrator.Harness;
using Orchestrator.Learning.Data;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Order;

namespace Orchestrator.Benchmarks;

/// <summary>How evenly the work of a step lies on four workers: the multiplications of the worker that has most of them, over the mean, in each step of an epoch.</summary>
static class BalanceBenchmark
{
    const int Workers = 4;
    const int Global = 32;

    /// <summary>Adds a line for each size of micro-batches.</summary>
    public static void Run(Report report)
    {
        if (Shared.Find("tokenizers/llama-32k/tokenizer.model") is not { } model || Shared.Find("data/alpaca_original_1805.json") is not { } records)
        {
            report.NotMeasured("balance of a step over four workers", "the records are missing");
            return;
        }
        using var folder = new TemporaryFolder();
        foreach (var micro in (int[])[8, 4, 2])
        {
            var spec = new JobSpec
            {
                Adapter = new AdapterSpec { Layers = 4, Length = 10 }, Data = new DataSpec { Path = records, Validation = 0 },
                Training = new TrainingSpec { Epochs = 1, GlobalBatchSize = Global, MicroBatchSize = micro },
            };
            using var data = TrainingData.Open(spec, Tokenizer.Open(model), Workload.Large, folder.Path);
            var plan = new JobPlan { Spec = spec, TrainingSamples = data.Training.Count, ValidationSamples = 0, Parameters = 1, Digests = new("", "", "", ""), Kind = "" };
            var packer = new BatchPacker();
            var deal = Dealer.Contiguous(plan.MicroBatches, [.. Enumerable.Range(0, Workers).Select(slot => new WorkerSpeed(new WorkerId("here", slot), 1))]);
            var (cost, count) = (new List<double>(), new List<double>());
            for (var step = new Step(1); step <= plan.Last; step = step.Next)
            {
                var cut = StepPlan.For(plan, data, step);
                cost.Add(Unevenness(m => cut.MicroBatch(m).ToArray()));
                var sorted = cut.Samples.ToArray().OrderBy(data.Length).ToArray();
                count.Add(Unevenness(m => sorted[(m * micro)..((m + 1) * micro)]));
            }
            report.Add($"a step of {Global} examples on {Workers} workers, {plan.MicroBatches} micro-batches: the work of the worker with most, over the mean", Spread.Of(cost).Text("F2"),
                $"as many examples in each, by length: {Spread.Of(count).Text("F2")}", $"{Spread.Of(count.Zip(cost, (before, now) => before / now)).Text("F2")} ×");

            double Unevenness(Func<int, int[]> samplesOf)
            {
                var works = deal.Shares.Select(share => share.MicroBatches.Sum(m => Roofline.FastWork(Workload.Large, data.Pack(packer, samplesOf(m)), adapted: 4, slots: 10))).ToList();
                return works.Max() / works.Average();
            }
        }
    }
}
