using System.Diagnostics;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Engine.Resident;
using Orchestrator.Learning.Adapters;
using Orchestrator.Learning.Data;
using Orchestrator.Learning.Evaluation;
using Orchestrator.Learning.Files;
using Orchestrator.Learning.Generation;
using Orchestrator.Learning.Training;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using TorchSharp;

namespace Orchestrator.Engine.Evaluation;

/// <summary>
/// Looks at the held-out records with a step's adapter: their loss, and answers generated for some of them. On a thread of its own, beside the training; the result is a
/// function of the adapter and the spec.
/// </summary>
/// <param name="options">the engine's settings</param>
/// <param name="bases">the process's frozen bases: an evaluation shares the one that is trained on</param>
public sealed class Evaluator(EngineOptions options, ResidentBases bases) : IDisposable
{
    readonly CancellationTokenSource closing = new();
    readonly Lock gate = new();
    readonly HashSet<Task> running = [];

    const int AnswersKept = 8;

    /// <summary>Evaluates the adapter of a step's checkpoint; step 0 is the start.</summary>
    /// <exception cref="ProblemException">the checkpoint, the base or the records cannot be read</exception>
    public Task<EvaluationResult> Evaluate(JobAssignment job, Step step)
    {
        ArgumentNullException.ThrowIfNull(job);
        var evaluation = Task.Factory.StartNew(Work, closing.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        lock (gate)
        {
            running.RemoveWhere(task => task.IsCompleted);
            running.Add(evaluation);
        }
        return evaluation;

        EvaluationResult Work()
        {
            try
            {
                return Run(job, step);
            }
            finally
            {
                SpareMemory.GiveBack();
            }
        }
    }

    /// <summary>Gives up what is under way, within a batch or an answer, and waits for it: it computes on bases that are about to go.</summary>
    public void Dispose()
    {
        closing.Cancel();
        Task[] last;
        lock (gate)
            last = [.. running];
        Task.WhenAll(last).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        closing.Dispose();
    }

    EvaluationResult Run(JobAssignment job, Step step)
    {
        var watch = Stopwatch.StartNew();
        var spec = new LocalFiles(options).Locate(job.Plan.Spec);
        DeterministicTorch.EnterWorkerThread(spec.Device.Threads);
        using var folder = ModelFolder.Open(spec.Model.Path);
        using var lease = bases.Acquire(spec.Model.Path, ComputeDevice.PrecisionOf(spec), ComputeDevice.NameOf(spec, slot: 0));
        var tokenizer = JobPreparation.TokenizerOf(spec, folder);
        using var data = TrainingData.Open(spec, tokenizer, folder.Config, options.CacheFolder);
        var method = Methods.Of(spec.Adapter, folder.Config);
        using var replica = new Replica(lease.Weights, method, spec.Training, ComputeDevice.KernelsOf(spec, method), spec.Device.Threads);
        if (step != Step.Start)
            replica.Import(CheckpointReader.Read(new RunFolder(job.Folder), job.Plan, step, method));
        else if (spec.Adapter.Init is { } init)
            StartAdapter.Read(init, method, folder.Config.Heads).Begin(replica);

        using var unrecorded = torch.no_grad();
        var loss = HeldOutLoss.Of(replica, Batches(data, spec.Training.MicroBatchSize));
        var answers = new List<Answer>();
        var exact = tokenizer is null ? default : ExactMatch.Of(new Generator(replica.Model, replica.Adapter), data.Records, data.Validation.Take(spec.Evaluation.ExactMatch),
            [.. folder.Config.EndTokens, tokenizer.Eos], spec.Evaluation.MaxNewTokens, Keep);
        return new EvaluationResult(step, loss.Tokens == 0 ? 0 : loss.Mean, loss.Tokens, exact.Answers, exact.Right, answers, watch.Elapsed.TotalSeconds);

        void Keep(int record, IReadOnlyList<int> tokens, bool isRight)
        {
            closing.Token.ThrowIfCancellationRequested();
            SpareMemory.CollectYoung();
            if (answers.Count < AnswersKept && data.Records.Record(record) is { } asked)
                answers.Add(new Answer(asked.Instruction, asked.Input, asked.Output, tokenizer.DecodeContinuation([.. tokens]), isRight));
        }
    }

    // As many at once as a worker trains on: an evaluation takes no more memory than a worker.
    IEnumerable<MicroBatch> Batches(TrainingData data, int recordsPerBatch)
    {
        var packer = new BatchPacker();
        foreach (var records in data.Validation.Chunk(recordsPerBatch))
        {
            closing.Token.ThrowIfCancellationRequested();
            SpareMemory.CollectYoung();
            yield return packer.Pack(data.Records, records, PrefixSharing.CommonPrefixes);
        }
    }
}
