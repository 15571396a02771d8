using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orchestrator.Protocol.Coordination;

/// <summary>A <see cref="Generation"/> in JSON: its number.</summary>
sealed class GenerationJson : JsonConverter<Generation>
{
    /// <inheritdoc/>
    public override Generation Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetInt64());

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, Generation value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Number);
}

/// <summary>A <see cref="Step"/> in JSON: its number.</summary>
sealed class StepJson : JsonConverter<Step>
{
    /// <inheritdoc/>
    public override Step Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetInt64());

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, Step value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Number);
}

/// <summary>A <see cref="WorkerId"/> in JSON: its text.</summary>
sealed class WorkerIdJson : JsonConverter<WorkerId>
{
    /// <inheritdoc/>
    public override WorkerId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return WorkerId.Parse(reader.GetString() ?? "");
        }
        catch (FormatException e)
        {
            throw new JsonException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, WorkerId value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
