using System.Text.Encodings.Web;
using System.Text.Json;
using Orchestrator.Learning.Files;

namespace Orchestrator.World.Instructions;

/// <summary>Writes records and questions as JSON, an array of objects.</summary>
public static class ExaminationFiles
{
    static readonly JsonSerializerOptions Plain = new()
    {
        WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        IgnoreReadOnlyProperties = true,
    };

    /// <summary>Writes <c>records.json</c> and <c>questions.json</c>.</summary>
    public static void Write(string folder, Examination examination)
    {
        Write(Path.Combine(folder, "records.json"), examination.Records);
        Write(Path.Combine(folder, "questions.json"), examination.Questions);
    }

    static void Write<T>(string path, IReadOnlyList<T> items) => AtomicFile.Write(path, stream =>
    {
        JsonSerializer.Serialize(stream, items, Plain);
        stream.WriteByte((byte)'\n');
    });
}
