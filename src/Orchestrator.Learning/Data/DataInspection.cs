using System.Text;
using System.Text.Json;

namespace Orchestrator.Learning.Data;

/// <summary>One record as the model will see it.</summary>
/// <param name="Number">its number in the file, from 0</param>
/// <param name="Tokens">token numbers</param>
/// <param name="Labels">of each token itself; <see cref="Example.Unsupervised"/> where it is not to be predicted</param>
/// <param name="Pieces">each token as the vocabulary writes it; empty without a tokenizer</param>
/// <param name="Prompt">the text before the first supervised token; null without a tokenizer</param>
/// <param name="Answer">the text from there on; null without a tokenizer</param>
/// <param name="Source">the texts it came from; null where the file holds tokens</param>
public sealed record InspectedRecord(
    int Number, IReadOnlyList<int> Tokens, IReadOnlyList<int> Labels, IReadOnlyList<string> Pieces,
    string? Prompt, string? Answer, AlpacaRecord? Source)
{
    /// <summary>How many tokens are to be predicted.</summary>
    public int Supervised => Labels.Skip(1).Count(label => label != Example.Unsupervised);

    /// <summary>The record as a line of pre-tokenised data: <c>{"input_ids": […], "labels": […]}</c>.</summary>
    public string ToJsonLine()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            Write(json, "input_ids", Tokens);
            Write(json, "labels", Labels);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }

    static void Write(Utf8JsonWriter json, string name, IReadOnlyList<int> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}

/// <summary>Looks at records as the model will see them.</summary>
public static class DataInspection
{
    /// <summary>Records <paramref name="first"/> to <paramref name="last"/>, both included.</summary>
    /// <param name="dataset">the records</param>
    /// <param name="tokenizer">for pieces and texts; null gives numbers only</param>
    /// <param name="first">at least 0</param>
    /// <param name="last">below <see cref="Dataset.Count"/></param>
    public static IEnumerable<InspectedRecord> Records(Dataset dataset, Tokenizer? tokenizer, int first, int last)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(last, dataset.Count);
        for (var record = first; record <= last; record++)
            yield return Inspect(dataset, tokenizer, record);
    }

    static InspectedRecord Inspect(Dataset dataset, Tokenizer? tokenizer, int record)
    {
        var tokens = dataset.Tokens(record).ToArray();
        var labels = dataset.Labels(record).ToArray();
        var supervised = labels.AsSpan(1).IndexOfAnyExcept(Example.Unsupervised);
        var answer = supervised < 0 ? tokens.Length : supervised + 1;
        return new InspectedRecord(record, tokens, labels,
            tokenizer is null ? [] : [.. tokens.Select(tokenizer.Piece)],
            tokenizer?.Decode(tokens.AsSpan(0, answer)),
            tokenizer?.DecodeContinuation(tokens.AsSpan(answer)),
            dataset.Record(record));
    }
}
