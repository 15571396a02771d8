using System.Text.Json;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>A file that is one JSON array of records, as Stanford Alpaca's.</summary>
internal static class JsonArray
{
    /// <summary>Finds the records without keeping anything of them.</summary>
    /// <param name="path">for problems</param>
    /// <param name="bytes">the file</param>
    /// <param name="start">where the array begins</param>
    /// <exception cref="ProblemException">broken JSON, an element that is no object, no record at all</exception>
    public static List<RecordExtent> Cut(string path, MappedFile bytes, long start)
    {
        if (bytes.Length - start > int.MaxValue)
        {
            throw new ProblemException(path, $"a JSON array of {bytes.Length:N0} bytes", "at most 2 GiB in one array",
                "write the records as JSON lines");
        }
        var json = bytes.Slice<byte>(start, (int)(bytes.Length - start));
        var records = new List<RecordExtent>();
        var reader = new Utf8JsonReader(json);
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType != JsonTokenType.StartObject || records.Count == RecordFile.RecordsMax)
                {
                    var line = 1 + bytes.Slice<byte>(0, (int)(start + reader.TokenStartIndex)).Count((byte)'\n');
                    throw reader.TokenType == JsonTokenType.StartObject
                        ? new ProblemException($"{path}:{line}", $"a record after {RecordFile.RecordsMax:N0}", "the end of the array")
                        : new ProblemException($"{path}:{line} record {records.Count}", RecordPlace.Words(reader.TokenType), "a record in braces");
                }
                var from = reader.TokenStartIndex;
                reader.Skip();
                records.Add(new RecordExtent(start + from, (int)(reader.BytesConsumed - from)));
            }
            while (reader.Read())
            {
            }
        }
        catch (JsonException e)
        {
            var before = bytes.Slice<byte>(0, (int)start).Count((byte)'\n');
            throw new ProblemException($"{path}:{1 + before + (e.LineNumber ?? 0)}",
                $"invalid JSON after {records.Count:N0} records ({RecordPlace.Reason(e)})", "a JSON array of records");
        }
        return records.Count > 0 ? records : throw new ProblemException(path, "an empty array", "at least one record");
    }
}
