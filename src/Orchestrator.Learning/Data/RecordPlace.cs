using System.Text;
using System.Text.Json;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>Where one record stands, and what is wrong with it. Of one thread.</summary>
/// <param name="file">the file and its line breaks; null where nobody asks for the place</param>
/// <param name="record">the record's number, from 0</param>
internal sealed class RecordPlace(RecordFile? file, int record)
{
    List<Problem>? problems;

    public int ProblemCount => problems?.Count ?? 0;

    public IReadOnlyList<Problem> Problems => problems ?? [];

    public void Problem(string field, string found, string expected, string remedy = "") =>
        Add(0, field.Length == 0 ? "" : $" {field}", found, expected, remedy);

    /// <summary>The JSON of the record itself is broken.</summary>
    public void NoJson(JsonException e) =>
        Add((int)(e.LineNumber ?? 0), "", $"invalid JSON ({Reason(e)})", "one record in JSON", "");

    /// <summary>Whether the record begins as an object; takes a problem where it does not.</summary>
    public bool BeginsObject(ref Utf8JsonReader reader, string expected)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
            return true;
        Problem("", Words(reader.TokenType), expected);
        return false;
    }

    /// <summary>Whether a field has this name. One with half a surrogate pair in it, which JSON's grammar allows, has none that is known.</summary>
    public static bool IsNamed(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        try
        {
            return reader.ValueTextEquals(name);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>The characters of a number, shortened.</summary>
    public static string Raw(ref Utf8JsonReader reader)
    {
        var text = Encoding.UTF8.GetString(reader.ValueSpan);
        return text.Length <= 24 ? text : text[..24] + "…";
    }

    /// <summary>A JSON token as words.</summary>
    public static string Words(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.Null => "null",
        _ => "nothing",
    };

    /// <summary>What a JSON reader did not like, without its own idea of the place.</summary>
    public static string Reason(JsonException e)
    {
        var end = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (end < 0 ? e.Message : e.Message[..end]).TrimEnd('.');
    }

    void Add(int lineOfRecord, string field, string found, string expected, string remedy) =>
        (problems ??= []).Add(new Problem($"{file?.Path}:{file?.LineOf(record) + lineOfRecord} record {record}{field}", found, expected, remedy));
}
