using System.Text.Json;
using Orchestrator.Grains;
using Orleans.Storage;

namespace Orchestrator.Server.Database;

/// <summary>A grain's state as it is stored: JSON by the names of its members, so that a type may be renamed or moved.</summary>
sealed class JsonStates : IGrainStorageSerializer
{
    /// <inheritdoc/>
    public BinaryData Serialize<T>(T? input) => new(JsonSerializer.SerializeToUtf8Bytes(input, GrainsSetup.Json));

    /// <inheritdoc/>
    public T Deserialize<T>(BinaryData input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return JsonSerializer.Deserialize<T>(input.ToMemory().Span, GrainsSetup.Json)!;
    }
}
