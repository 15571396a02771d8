using CsCheck;
using Orchestrator.Learning.Kernels;
using Orchestrator.Learning.Llama;
using Orchestrator.Learning.Tests.Training;
using static TorchSharp.torch;
using Storage = Orchestrator.Learning.Kernels.Storage;

namespace Orchestrator.Learning.Tests.Kernels;

/// <summary>Each kernel is its equation, for every width: whole registers, and what is left over.</summary>
public class KernelTests
{
    static readonly Gen<(int Rows, int Width, long Seed)> Sizes = Gen.Select(Gen.Int[1, 9], Gen.Int[1, 70], Gen.Long[0, 1000]);

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void An_exponential_is_within_two_units_in_the_last_place(int lanes) => Laws.Exponential(lanes);

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void A_norm_and_its_gradient(int lanes) => Sizes.Sample(size => Laws.Norm(lanes, size.Rows, size.Width, size.Seed), iter: 50, threads: 1);

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void A_gated_unit_and_its_gradient(int lanes) => Sizes.Sample(size => Laws.Gated(lanes, size.Rows, size.Width, size.Seed), iter: 50, threads: 1);

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void A_softmax_over_some_of_a_row(int lanes) => Sizes.Sample(size => Laws.Softmax(lanes, size.Width, size.Seed), iter: 100, threads: 1);

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void A_product_of_tiles_of_any_strides(int lanes) => Gen.Select(Gen.Int[1, 4], Gen.Int[1, 5], Gen.Int[0, 40], Gen.Bool, Gen.Bool, Gen.Long[0, 1000])
        .Sample((tiles, registers, k, across, add, seed) => Laws.Tiles(lanes, tiles, registers, k, across, add, seed), iter: 100, threads: 1);

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void A_loss_over_a_vocabulary_in_pieces_even_where_one_logit_is_far_above_the_others(int lanes)
        => Gen.Select(Gen.Int[1, 9], Gen.Int[1, 40], Gen.Int[0, 4], Gen.Bool, Gen.Long[0, 1000])
            .Sample((rows, width, size, peaky, seed) => Laws.Loss(lanes, rows, width, (new[] { 5, 1024, 1025, 2500, 3072 })[size], peaky ? 30 : 1, seed), iter: 30, threads: 1);

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void Numbers_of_bf16_are_rounded_to_the_nearest_as_libtorch_does(int lanes) => Laws.Rounding(lanes);

    [Theory]
    [InlineData(8, 6)]
    [InlineData(8, 26)]
    [InlineData(8, 64)]
    [InlineData(16, 6)]
    [InlineData(16, 26)]
    [InlineData(16, 64)]
    public void A_rotation_is_undone_by_turning_back(int lanes, int width) => Laws.Rotation(lanes, width);
}

/// <summary>The laws, with plain versions by libtorch in fp64.</summary>
static unsafe class Laws
{
    static void With(int lanes, Func<int> narrow, Func<int> wide)
    {
        Assert.SkipWhen(lanes == Lanes512.Count && !System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated, "no vectors of 512 bits");
        _ = lanes == Lanes256.Count ? narrow() : wide();
    }

    public static void Exponential(int lanes) => With(lanes, () => ExponentialOf<Lanes256>(), () => ExponentialOf<Lanes512>());

    public static void Norm(int lanes, int rows, int width, long seed) => With(lanes, () => NormOf<Lanes256>(rows, width, seed), () => NormOf<Lanes512>(rows, width, seed));

    public static void Gated(int lanes, int rows, int width, long seed) => With(lanes, () => GatedOf<Lanes256>(rows, width, seed), () => GatedOf<Lanes512>(rows, width, seed));

    public static void Softmax(int lanes, int count, long seed) => With(lanes, () => SoftmaxOf<Lanes256>(count, seed), () => SoftmaxOf<Lanes512>(count, seed));

    public static void Tiles(int lanes, int tiles, int registers, int k, bool across, bool add, long seed)
        => With(lanes, () => TilesOf<Lanes256>(tiles, registers, k, across, add, seed), () => TilesOf<Lanes512>(tiles, registers, k, across, add, seed));

    public static void Loss(int lanes, int rows, int width, int vocabulary, float peak, long seed)
        => With(lanes, () => LossOf<Lanes256>(rows, width, vocabulary, peak, seed), () => LossOf<Lanes512>(rows, width, vocabulary, peak, seed));

    public static void Rounding(int lanes) => With(lanes, () => RoundingOf<Lanes256>(), () => RoundingOf<Lanes512>());

    public static void Rotation(int lanes, int width) => With(lanes, () => RotationOf<Lanes256>(width), () => RotationOf<Lanes512>(width));

    static int ExponentialOf<L>() where L : struct, ILanes<L>
    {
        var found = stackalloc float[16];
        for (var x = -86.9f; x < 87.9f; x += 0.00731f)
        {
            Elementary.Exp(L.Of(x)).Store(found);
            Assert.InRange(Math.Abs(found[0] / Math.Exp(x) - 1), 0, 2.4e-7);
        }
        Elementary.Exp(L.Of(float.NegativeInfinity)).Store(found);
        Assert.InRange(found[0], 0, 1e-37f);
        return 0;
    }

    static int NormOf<L>(int rows, int width, long seed) where L : struct, ILanes<L>
    {
        using var scope = NewDisposeScope();
        using var memory = new Scratch(seed);
        var (x, w, n, s, dn, dx) = (memory.Random(rows, width), memory.Random(1, width), memory.Zeros(rows, width), memory.Zeros(rows, 1), memory.Random(rows, width), memory.Random(rows, width));
        RmsNorm<Fp32, L>.Forward(x, w.Floats, 1e-3f, n, s);
        var (tx, tw) = (Wide(x).requires_grad_(), Wide(w));
        var expected = tx * (tx.square().mean([-1], keepdim: true) + 1e-3).rsqrt() * tw;
        Close.Within(2e-6, Close.Error(expected, Wide(n)), "norm");
        var gradient = Wide(dx) + autograd.grad([expected], [tx], [Wide(dn)])[0];
        RmsNorm<Fp32, L>.Backward(x, w.Floats, s, dn, dx);
        Close.Within(4e-6, Close.Error(gradient, Wide(dx)), "gradient");
        return 0;
    }

    static int GatedOf<L>(int rows, int width, long seed) where L : struct, ILanes<L>
    {
        using var scope = NewDisposeScope();
        using var memory = new Scratch(seed);
        var (a, b, s, ds) = (memory.Random(rows, width), memory.Random(rows, width), memory.Zeros(rows, width), memory.Random(rows, width));
        var (ta, tb) = (Wide(a).requires_grad_(), Wide(b).requires_grad_());
        var expected = nn.functional.silu(ta) * tb;
        SwiGlu<Fp32, L>.Forward(a, b, s);
        Close.Within(2e-6, Close.Error(expected, Wide(s)), "unit");
        var gradients = autograd.grad([expected], [ta, tb], [Wide(ds)]);
        SwiGlu<Fp32, L>.Backward(a, b, ds);
        Close.Within(4e-6, Close.Error(gradients[0], Wide(a)), "gradient of a");
        Close.Within(4e-6, Close.Error(gradients[1], Wide(b)), "gradient of b");
        return 0;
    }

    static int SoftmaxOf<L>(int count, long seed) where L : struct, ILanes<L>
    {
        using var scope = NewDisposeScope();
        using var memory = new Scratch(seed);
        var width = (count + L.Count) / L.Count * L.Count;
        var row = memory.Random(1, width);
        var first = Wide(row).narrow(1, 0, count) * 1;
        var logSum = Attention<Fp32, L>.Softmax(row.Floats, count, width, 0.7f);
        Assert.Equal(first.logsumexp(1).item<double>(), logSum, 1e-5);
        Close.Within(1e-6, Close.Error(0.7 * first.softmax(1), Wide(row).narrow(1, 0, count)), "weights");
        Assert.Equal(0, Wide(row).narrow(1, count, width - count).abs().sum().item<double>());
        return 0;
    }

    static int TilesOf<L>(int tiles, int registers, int k, bool across, bool add, long seed) where L : struct, ILanes<L>
    {
        using var scope = NewDisposeScope();
        using var memory = new Scratch(seed);
        var (m, n) = (tiles * TileProduct<L>.Rows, registers * L.Count);
        var (a, b, c) = (across ? memory.Random(k, m + 3) : memory.Random(m, k + 3), memory.Random(k, n + 5), memory.Random(m, n + 2));
        var left = across ? Wide(a).narrow(1, 0, m).t() : Wide(a).narrow(1, 0, k);
        var before = Wide(c) * 1;
        var expected = left.matmul(Wide(b).narrow(1, 0, n)) + (add ? before.narrow(1, 0, n) : 0);
        TileProduct<L>.Multiply(a.Floats, across ? 1 : a.Columns, across ? a.Columns : 1, b.Floats, b.Columns, c.Floats, c.Columns, m, n, k, add);
        Assert.True((expected - Wide(c).narrow(1, 0, n)).abs().max().item<double>() < 2e-5);
        Assert.True(before.narrow(1, n, 2).Equals(Wide(c).narrow(1, n, 2)), "wrote beside its columns");
        Assert.Throws<ArgumentException>(() => TileProduct<L>.Multiply(null, 0, 0, null, 0, null, 0, m + 1, n, k, add));
        Assert.Throws<ArgumentException>(() => TileProduct<L>.Multiply(null, 0, 0, null, 0, null, 0, m, n + 1, k, add));
        return 0;
    }

    static int LossOf<L>(int rows, int width, int vocabulary, float peak, long seed) where L : struct, ILanes<L>
    {
        using var scope = NewDisposeScope();
        using var memory = new Scratch(seed);
        using var weights = RandomModels.Weights(RandomModels.Tiny with { Dim = width, Layers = 1, Vocabulary = vocabulary }, ScalarType.Float32, seed);
        using var pieces = new Vocabulary(weights);
        var output = Matrix.Over(weights[weights.List.Output]);
        var n = memory.Random(rows, width);
        new Span<float>((float*)n.Row(rows - 1), width).CopyTo(new Span<float>((float*)n.Row(0), width));
        for (var i = 0; i < width; i++)
            n.Floats[i] *= peak;
        int[] labels = [.. Enumerable.Range(0, rows).Select(row => (row * 997 + (int)seed) % vocabulary)];
        var tn = Wide(n).requires_grad_();
        var losses = nn.functional.cross_entropy(tn.matmul(Wide(output).t()), tensor(labels, dtype: ScalarType.Int64), reduction: nn.Reduction.Sum);
        var expected = autograd.grad([losses], [tn])[0];

        var (logits, state, sums, room, dn) = (memory.Zeros(rows, Math.Min(vocabulary, Vocabulary.PieceMax)), memory.Zeros(rows, Vocabulary.StateColumns), memory.Zeros(rows, width), memory.Zeros(rows, width), memory.Zeros(rows, width));
        for (var piece = 0; piece < pieces.Columns.Count; piece++)
            VocabularyLoss<Fp32, L>.Add(n, labels, pieces, piece, logits, state, sums, room);
        var loss = VocabularyLoss<Fp32, L>.Finish(labels, output, state, sums, dn);
        Assert.Equal(losses.item<double>(), loss, 1e-5 * Math.Max(1, losses.item<double>()));
        Close.Within(1e-5, (expected - Wide(dn)).abs().max().item<double>() / Math.Max(0.1, expected.abs().max().item<double>()), "gradient");
        return 0;
    }

    static int RoundingOf<L>() where L : struct, ILanes<L>
    {
        using var scope = NewDisposeScope();
        using var memory = new Scratch(5);
        var from = memory.Random(3, 37);
        from.Floats[0] = BitConverter.UInt32BitsToSingle(0x3F808000);       // ties
        from.Floats[1] = BitConverter.UInt32BitsToSingle(0x3F818000);
        from.Floats[2] = float.PositiveInfinity;
        using var storage = new Storage(ScalarType.BFloat16);
        var copy = Rows<Bf16, L>.Operand(from, storage.Of(3, 37));
        var back = memory.Zeros(3, 37);
        Rows<Bf16, L>.Widen(copy, back);
        Assert.True(Wide(from).to(ScalarType.Float32).to(ScalarType.BFloat16).to(ScalarType.Float64).Equals(Wide(back)));
        return 0;
    }

    static int RotationOf<L>(int width) where L : struct, ILanes<L>
    {
        using var scope = NewDisposeScope();
        using var memory = new Scratch(width);
        using var rotation = new Rotation(RandomModels.Tiny with { HeadDim = width });
        rotation.Reserve(100);
        var x = memory.Random(3, 2 * width);
        var before = Wide(x) * 1;
        int[] positions = [0, 1, 77];
        rotation.Turn<Fp32, L>(x, positions);
        using var table = new RotaryEmbedding(RandomModels.Tiny with { HeadDim = width }, ScalarType.Float64, CPU);
        var turns = table.Table(100).index_select(0, tensor(positions, dtype: ScalarType.Int64)).unsqueeze(1);
        var expected = view_as_real(view_as_complex(before.view(3, 2, width / 2, 2)) * turns).view(3, 2 * width);
        Close.Within(1e-6, Close.Error(expected, Wide(x)), "turned");
        var back = memory.Zeros(3, 2 * width + 16);
        for (var row = 0; row < 3; row++)
        {
            for (var head = 0; head < 2; head++)
                rotation.TurnBack<Fp32, L>((float*)x.Row(row) + head * width, 2, positions[row], back.Row(row), head * width);
        }
        Close.Within(1e-6, Close.Error(2 * before, Wide(back).narrow(1, 0, 2 * width)), "turned back");
        Assert.Equal(0, Wide(back).narrow(1, 2 * width, 16).abs().sum().item<double>());
        return 0;
    }

    // [rows, columns] in fp64, a copy
    static Tensor Wide(Matrix matrix) => tensor(new Span<float>(matrix.Floats, matrix.Rows * matrix.Columns).ToArray(), dtype: ScalarType.Float64).view(matrix.Rows, matrix.Columns);

    sealed class Scratch(long seed) : IDisposable
    {
        readonly List<Storage> storages = [];
        long next = seed * 1000;

        public Matrix Zeros(int rows, int columns)
        {
            storages.Add(new Storage(ScalarType.Float32));
            var matrix = storages[^1].Of(rows, columns);
            new Span<float>(matrix.Floats, rows * columns).Clear();
            return matrix;
        }

        public Matrix Random(int rows, int columns)
        {
            var matrix = Zeros(rows, columns);
            var counter = Orchestrator.Protocol.Order.Counter.Of(next++, 97);
            for (var i = 0; i < rows * columns; i++)
                matrix.Floats[i] = (float)(4 * counter.Uniform(i) - 2);
            return matrix;
        }

        public void Dispose() => storages.ForEach(storage => storage.Dispose());
    }
}
