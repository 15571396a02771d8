using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Grains;
using Orchestrator.Harness;
using Orleans.Storage;

namespace Orchestrator.Server.Tests.Hosting;

/// <summary>A server in this process, and what its grains' storage owes them, on both databases.</summary>
public sealed class StorageTests(SharedPostgres postgres) : IClassFixture<SharedPostgres>, IDisposable
{
    readonly DirectoryInfo data = Directory.CreateTempSubdirectory("orchestrator-storage-");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_state_is_written_by_whoever_has_read_the_last_one_and_outlives_its_server(bool shared)
    {
        var database = shared ? await postgres.Database() : null;
        await using (var server = await Start(database))
        {
            var storage = StorageOf(server);
            var mine = await Read(storage, "alpaca");
            Assert.False(mine.RecordExists);
            mine.State!.Step = 1;
            await storage.WriteStateAsync("noted", Key("alpaca"), mine);
            var other = await Read(storage, "alpaca");
            Assert.Equal((1, mine.ETag), (other.State!.Step, other.ETag));
            mine.State!.Step = 2;
            await storage.WriteStateAsync("noted", Key("alpaca"), mine);
            other.State!.Step = 3;
            await Assert.ThrowsAsync<InconsistentStateException>(() => storage.WriteStateAsync("noted", Key("alpaca"), other));
            await Assert.ThrowsAsync<InconsistentStateException>(() => storage.WriteStateAsync("noted", Key("alpaca"), new GrainState<Note>(new Note())));
            await Assert.ThrowsAsync<InconsistentStateException>(() => storage.ClearStateAsync("noted", Key("alpaca"), other));
            await storage.WriteStateAsync("noted", Key("team/other"), new GrainState<Note>(new Note { Step = 9 }));
        }
        await using (var server = await Start(database))
        {
            var storage = StorageOf(server);
            var kept = await Read(storage, "alpaca");
            Assert.Equal(2, kept.State!.Step);
            Assert.Equal(9, (await Read(storage, "team/other")).State!.Step);
            await storage.ClearStateAsync("noted", Key("alpaca"), kept);
            var cleared = await Read(storage, "alpaca");
            Assert.Equal((false, 0), (cleared.RecordExists, cleared.State!.Step));
            cleared.State!.Step = 5;
            await storage.WriteStateAsync("noted", Key("alpaca"), cleared);
            Assert.Equal(5, (await Read(storage, "alpaca")).State!.Step);
        }
    }

    [Fact]
    public async Task Of_many_that_write_a_new_state_at_once_one_succeeds()
    {
        await using var server = await Start(await postgres.Database());
        var storage = StorageOf(server);
        var ends = await Task.WhenAll(Enumerable.Range(0, 8).Select(async n =>
        {
            try
            {
                await storage.WriteStateAsync("noted", Key("new"), new GrainState<Note>(new Note { Step = n }));
                return true;
            }
            catch (InconsistentStateException)
            {
                return false;
            }
        }));
        Assert.Single(ends, written => written);
    }

    public sealed class Note
    {
        public int Step { get; set; }
    }

    static async Task<GrainState<Note>> Read(IGrainStorage storage, string key)
    {
        var state = new GrainState<Note>(new Note());
        await storage.ReadStateAsync("noted", Key(key), state);
        return state;
    }

    static GrainId Key(string key) => GrainId.Create("note", key);

    static IGrainStorage StorageOf(ServerHost server) => server.Services.GetRequiredKeyedService<IGrainStorage>(GrainsSetup.Jobs);

    Task<ServerHost> Start(string? database)
    {
        var flags = new Dictionary<string, string?>
        {
            [nameof(ServerOptions.Name)] = "a",
            [nameof(ServerOptions.Ports)] = $"{FreePorts.InARow(5)}",
            [nameof(ServerOptions.Data)] = data.FullName,
            [nameof(ServerOptions.Workers)] = "0",
            [nameof(ServerOptions.Database)] = database,
        };
        return ServerHost.Start(ServerSettings.Read(flags, new Dictionary<string, string?>()), TestContext.Current.CancellationToken);
    }

    public void Dispose() => data.Delete(recursive: true);
}
