using CsCheck;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Tests.Jobs;

/// <summary>Specs that follow every rule, with every key varied.</summary>
static class AnySpec
{
    static readonly Gen<double> ratio = Gen.Double[0, 0.999999];

    static readonly Gen<string> path = Gen.OneOf(Gen.Const("/models/llama"), Gen.String[Gen.Char[' ', 'ſ'], 1, 20].Select(text => Path.GetFullPath("/" + text)));

    static Gen<T?> OrNull<T>(Gen<T> gen) where T : struct => Gen.OneOf(gen.Select(value => (T?)value), Gen.Const((T?)null));

    static readonly Gen<TrainingSpec> training =
        from epochs in Gen.Int[1, 50]
        from batch in Gen.Int[1, 512]
        from micro in Gen.Int[1, batch]
        from rate in OrNull(Gen.Double[1e-9, 1])
        from lowest in ratio
        from schedule in Gen.Enum<Schedule>()
        from warmup in OrNull(Gen.Double[0, epochs])
        from warmupSteps in Gen.Int[0, 1000]
        from decay in Gen.Double[0, 1]
        from betas in Gen.Select(ratio, ratio)
        from epsilon in Gen.Double[1e-12, 1]
        from clip in OrNull(Gen.Double[1e-3, 100])
        from seed in Gen.Long
        select new TrainingSpec
        {
            Epochs = epochs,
            GlobalBatchSize = batch,
            MicroBatchSize = micro,
            LearningRate = rate,
            MinLearningRate = lowest * (rate ?? 0),
            Schedule = schedule,
            WarmupEpochs = schedule == Schedule.Cosine ? warmup : null,
            WarmupSteps = schedule == Schedule.Cosine ? 0 : warmupSteps,
            WeightDecay = decay,
            Betas = [betas.Item1, betas.Item2],
            Epsilon = epsilon,
            GradientClip = clip,
            Seed = seed,
        };

    static readonly Gen<AdapterSpec> adapter =
        from layers in OrNull(Gen.Int[1, 80])
        from length in Gen.Int[1, 100]
        from gate in Gen.Enum<GateSharing>()
        from method in Gen.OneOf(Gen.Const("llama-adapter"), Gen.Const("full"))
        from init in Gen.OneOf(path.Select(file => (string?)file), Gen.Const((string?)null))
        select new AdapterSpec { Method = method, Layers = layers, Length = length, Gate = gate, Init = init };

    static readonly Gen<DataSpec> data =
        from file in path
        from validation in OrNull(Gen.Int[1, 5000])
        from length in Gen.Int[2, 4096]
        from shuffle in Gen.Bool
        select new DataSpec { Path = file, Validation = validation, MaxSequenceLength = length, Shuffle = shuffle };

    public static readonly Gen<JobSpec> Valid =
        from name in Gen.String[Gen.Char['a', 'z'], 1, JobName.LengthMax]
        from model in path
        from precision in OrNull(Gen.Enum<Precision>())
        from what in adapter
        from records in data
        from how in training
        from workers in Gen.Int[1, 1024]
        from kind in OrNull(Gen.Enum<DeviceKind>())
        from threads in Gen.Int[1, 64]
        from kernels in OrNull(Gen.Enum<KernelKind>())
        from every in Gen.Int[1, 10_000]
        from keep in Gen.Int[1, 10]
        from best in Gen.Bool
        from patience in OrNull(Gen.Int[1, 100])
        select new JobSpec
        {
            Name = name,
            Model = new ModelSpec { Path = model, Precision = precision },
            Adapter = what,
            Data = records,
            Training = how,
            Workers = workers,
            Device = new DeviceSpec { Kind = kind, Threads = threads, Kernels = kernels },
            Checkpoint = new CheckpointSpec { EverySteps = every, KeepLast = keep, KeepBest = best },
            Evaluation = new EvaluationSpec { EverySteps = every, EarlyStop = patience, ExactMatch = 0 },
        };
}
