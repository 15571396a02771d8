using System.Text.Json;

namespace Orchestrator.Learning.Data;

/// <summary>One record of Stanford Alpaca's format. Other fields of a record are passed over.</summary>
/// <param name="Instruction">what is asked</param>
/// <param name="Input">what it is asked about; empty where the instruction stands alone</param>
/// <param name="Output">the answer to learn</param>
public sealed record AlpacaRecord(string Instruction, string Input, string Output)
{
    /// <summary>Reads one record; <c>input</c> may be absent or null.</summary>
    /// <returns>null where <paramref name="place"/> took a problem</returns>
    internal static AlpacaRecord? Read(ReadOnlySpan<byte> json, RecordPlace place)
    {
        string? instruction = null, input = null, output = null;
        var problems = place.ProblemCount;
        var reader = new Utf8JsonReader(json);
        try
        {
            if (!place.BeginsObject(ref reader, "{\"instruction\": …, \"input\": …, \"output\": …}"))
                return null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (RecordPlace.IsNamed(ref reader, "instruction"u8))
                    instruction = Text(ref reader, "instruction", place);
                else if (RecordPlace.IsNamed(ref reader, "input"u8))
                    input = Text(ref reader, "input", place);
                else if (RecordPlace.IsNamed(ref reader, "output"u8))
                    output = Text(ref reader, "output", place);
                else
                    reader.Skip();
            }
            reader.Read(); // nothing may follow
        }
        catch (JsonException e)
        {
            place.NoJson(e);
            return null;
        }
        if (instruction is null && problems == place.ProblemCount)
            place.Problem("instruction", "no such field", "a text");
        if (output is null && problems == place.ProblemCount)
            place.Problem("output", "no such field", "a text");
        return problems == place.ProblemCount ? new AlpacaRecord(instruction!, input ?? "", output!) : null;
    }

    static string? Text(ref Utf8JsonReader reader, string field, RecordPlace place)
    {
        reader.Read();
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                try
                {
                    return reader.GetString();
                }
                catch (InvalidOperationException)
                {
                    place.Problem(field, "bytes that are no UTF-8, or half a surrogate pair", "a text in UTF-8");
                    return null;
                }

            case JsonTokenType.Null when field == "input":
                return "";

            default:
                place.Problem(field, RecordPlace.Words(reader.TokenType), "a text");
                reader.Skip();
                return null;
        }
    }
}
