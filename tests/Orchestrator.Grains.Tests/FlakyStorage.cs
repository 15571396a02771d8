using Orleans.Storage;

namespace Orchestrator.Grains.Tests;

/// <summary>A storage that can be out of reach.</summary>
sealed class FlakyStorage(IGrainStorage inner) : IGrainStorage
{
    public bool IsDown { get; set; }

    public int WritesRefused => refused;

    int refused;

    /// <summary>Saves what is stored once more, as another activation of the grain would.</summary>
    public async Task SaveBehindTheBackOf<T>(string stateName, IAddressable grain) where T : new()
    {
        var state = new GrainState<T>();
        await inner.ReadStateAsync(stateName, grain.GetGrainId(), state);
        Assert.True(state.RecordExists);
        await inner.WriteStateAsync(stateName, grain.GetGrainId(), state);
    }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (IsDown)
            throw new IOException("the database is away");
        return inner.ReadStateAsync(stateName, grainId, grainState);
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (IsDown)
        {
            Interlocked.Increment(ref refused);
            throw new IOException("the database is away");
        }
        return inner.WriteStateAsync(stateName, grainId, grainState);
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => IsDown ? throw new IOException("the database is away") : inner.ClearStateAsync(stateName, grainId, grainState);
}
