using Orchestrator.Engine.Auditing;
using Orchestrator.Engine.Checkpoints;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Coordination;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Protocol.Ledger;

namespace Orchestrator.Engine.Tests;

public sealed class AuditTests(AuditTests.Finished finished) : IClassFixture<AuditTests.Finished>
{
    public sealed class Finished : IAsyncLifetime
    {
        readonly string folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;

        public RunFolder Run { get; private set; } = null!;

        public JobPlan Plan { get; private set; } = null!;

        public string Cache => Path.Combine(folder, "cache");

        public async ValueTask InitializeAsync()
        {
            Plan = Jobs.Golden(folder);
            var path = Path.Combine(folder, "run");
            await using var job = await Jobs.Train(Plan, path, "a:2");
            Run = Jobs.Finish(job, Plan, path);
        }

        public ValueTask DisposeAsync()
        {
            Directory.Delete(folder, recursive: true);
            return ValueTask.CompletedTask;
        }
    }

    RunFolder Run => finished.Run;

    Task<AuditResult> Recompute(long step)
        => StepVerifier.Verify(Run, new Step(step), finished.Cache, new PreparationProgress(), computed: null, TestContext.Current.CancellationToken);

    // Changes a file for the time of a look at it.
    static T With<T>(string path, Func<byte[], byte[]> change, Func<T> look)
    {
        var whole = File.ReadAllBytes(path);
        try
        {
            File.WriteAllBytes(path, change([.. whole]));
            return look();
        }
        finally
        {
            File.WriteAllBytes(path, whole);
        }
    }

    static byte[] Flip(byte[] bytes, int at)
    {
        bytes[at] ^= 1;
        return bytes;
    }

    [Fact]
    public void A_good_run_agrees_with_itself()
    {
        var result = LedgerAudit.Of(Run, TestContext.Current.CancellationToken);
        Assert.Empty(result.Partings);
        Assert.Empty(result.Notes);
        Assert.Equal(finished.Plan.Last.Number, result.Steps);
    }

    [Fact]
    public void A_flipped_byte_of_the_ledger_is_named_with_its_line()
    {
        var bytes = File.ReadAllBytes(Run.Ledger);
        var random = new Random(7);
        foreach (var at in Enumerable.Range(0, 60).Select(_ => random.Next(bytes.Length)).Append(bytes.Length - 1).Append(0))
        {
            var line = bytes.AsSpan(0, at).Count((byte)'\n') + 1;
            var result = With(Run.Ledger, whole => Flip(whole, at), () => LedgerAudit.Of(Run));
            Assert.Equal($"{Run.Ledger}:{line}", result.Partings[0].Place);
            Assert.Equal(Math.Max(0, line - 2), result.Steps);
        }
    }

    [Fact]
    public void A_ledger_without_its_last_lines_is_told()
    {
        var result = With(Run.Ledger, whole => whole[..(whole.AsSpan()[..^1].LastIndexOf((byte)'\n') + 1)], () => LedgerAudit.Of(Run));
        Assert.False(result.Agrees);
    }

    [Fact]
    public void A_flipped_byte_of_the_adapter_is_named()
    {
        var length = (int)new FileInfo(Run.Adapter).Length;
        foreach (var at in new[] { 0, 9, length / 2, length - 1 })
            Assert.Contains(With(Run.Adapter, whole => Flip(whole, at), () => LedgerAudit.Of(Run)).Partings, parting => parting.Place == Run.Adapter);
    }

    [Theory]
    [InlineData("adapter.safetensors")]
    [InlineData("optimizer.safetensors")]
    [InlineData("manifest.json")]
    public void A_flipped_byte_of_a_checkpoint_is_named(string name)
    {
        var folder = Run.Checkpoint(new Step(10));
        var path = Path.Combine(folder, name);
        var at = name == Manifest.FileName ? File.ReadAllText(path).IndexOf("\"parameters\": \"", StringComparison.Ordinal) + 20 : (int)new FileInfo(path).Length * 2 / 3;
        var result = With(path, whole => Flip(whole, at), () => LedgerAudit.Of(Run));
        Assert.StartsWith(path, Assert.Single(result.Partings).Place, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_whose_numbers_are_not_the_ledgers_is_named_though_its_own_digests_agree()
    {
        var (ten, twenty) = (Run.Checkpoint(new Step(10)), Run.Checkpoint(new Step(20)));
        var manifest = Manifest.Read(ten);
        var files = new Dictionary<string, string>(manifest.Files) { [AdapterFile.Name] = Manifest.Read(twenty).Files[AdapterFile.Name] };
        var result = With(Path.Combine(ten, AdapterFile.Name), _ => File.ReadAllBytes(Path.Combine(twenty, AdapterFile.Name)),
            () => With(Path.Combine(ten, Manifest.FileName), _ => (manifest with { Files = files }).ToJson(), () => LedgerAudit.Of(Run)));
        Assert.Contains("trained numbers", Assert.Single(result.Partings).Found, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Steps_computed_again_are_equal_from_the_start_and_from_a_checkpoint()
    {
        var first = await Recompute(4);
        Assert.Equal((4L, 0), (first.Steps, first.Partings.Count));
        var later = await Recompute(12);
        Assert.Equal((2L, 0), (later.Steps, later.Partings.Count));
    }

    [Fact]
    public void A_damaged_checkpoint_is_passed_over_and_named_when_a_step_is_computed_again()
    {
        var path = Path.Combine(Run.Checkpoint(new Step(10)), "optimizer.safetensors");
        var result = With(path, whole => Flip(whole, whole.Length - 1), () => Task.Run(() => Recompute(11)).GetAwaiter().GetResult());
        Assert.Equal(11, result.Steps);
        Assert.True(result.Agrees);
        Assert.Contains(path, Assert.Single(result.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_that_was_written_otherwise_than_it_computes_says_where_it_parts()
    {
        var result = await Rewritten(head => head, line => line.Step == 3 ? line with { Loss = line.Loss + 1e-9 } : line, () => Recompute(5));
        Assert.Equal(3, result.Steps);
        Assert.Contains("step 3 loss", Assert.Single(result.Partings).Place, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_of_another_kind_of_device_is_told_as_such()
    {
        var result = await Rewritten(head => head with { Kind = "cuda nvidia" }, line => line, () => Recompute(1));
        Assert.Contains("cuda nvidia", Assert.Single(result.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_that_the_ledger_does_not_have_is_refused()
        => Assert.Contains("step 10000", (await Assert.ThrowsAsync<ProblemException>(() => Recompute(10_000))).Message, StringComparison.Ordinal);

    // The chain is made anew: only the numbers are not what they were.
    Task<AuditResult> Rewritten(Func<LedgerHead, LedgerHead> head, Func<LedgerLine, LedgerLine> line, Func<Task<AuditResult>> look)
    {
        var ledger = RunLedger.Read(Run);
        var (text, chain) = LedgerChain.Append(LedgerChain.Start, head(ledger.Head!));
        var all = text + "\n";
        foreach (var one in ledger.Lines)
        {
            (text, chain) = LedgerChain.Append(chain, line(one));
            all += text + "\n";
        }
        return Task.FromResult(With(Run.Ledger, _ => System.Text.Encoding.UTF8.GetBytes(all), () => Task.Run(look).GetAwaiter().GetResult()));
    }
}
