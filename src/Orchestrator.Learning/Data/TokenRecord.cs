using System.Text.Json;

namespace Orchestrator.Learning.Data;

/// <summary>One record that is tokens already: <c>{"input_ids": […], "labels": […]}</c>.</summary>
/// <param name="Tokens">token numbers</param>
/// <param name="Labels">of each token itself: its number where it is supervised, else -100; as long as <paramref name="Tokens"/></param>
internal sealed record TokenRecord(int[] Tokens, int[] Labels)
{
    /// <summary>Reads one record. Labels that are absent, as a whole or null one by one, are unsupervised.</summary>
    /// <param name="json">one JSON object</param>
    /// <param name="vocabulary">token numbers end below it</param>
    /// <param name="place">where it stands; takes the problems</param>
    /// <returns>null where <paramref name="place"/> took a problem</returns>
    public static TokenRecord? Read(ReadOnlySpan<byte> json, int vocabulary, RecordPlace place)
    {
        int[]? tokens = null, labels = null;
        var problems = place.ProblemCount;
        var reader = new Utf8JsonReader(json);
        try
        {
            if (!place.BeginsObject(ref reader, "{\"input_ids\": […], \"labels\": […]}"))
                return null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (RecordPlace.IsNamed(ref reader, "input_ids"u8))
                    tokens = Numbers(ref reader, "input_ids", vocabulary, mayBeUnsupervised: false, place);
                else if (RecordPlace.IsNamed(ref reader, "labels"u8))
                    labels = Numbers(ref reader, "labels", vocabulary, mayBeUnsupervised: true, place);
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
        if (problems != place.ProblemCount)
            return null;
        if (tokens is null || tokens.Length == 0)
        {
            place.Problem("input_ids", tokens is null ? "no such field" : "no token", "a list of token numbers");
            return null;
        }
        if (labels is not null && labels.Length != tokens.Length)
        {
            place.Problem("labels", $"{labels.Length} labels", $"{tokens.Length}, one for each of input_ids",
                "-100 stands for a token that is not supervised");
            return null;
        }
        return new TokenRecord(tokens, labels ?? Unsupervised(tokens.Length));
    }

    static int[] Unsupervised(int count)
    {
        var labels = new int[count];
        Array.Fill(labels, Example.Unsupervised);
        return labels;
    }

    static int[]? Numbers(ref Utf8JsonReader reader, string field, int vocabulary, bool mayBeUnsupervised, RecordPlace place)
    {
        reader.Read();
        if (mayBeUnsupervised && reader.TokenType == JsonTokenType.Null)
            return null;
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            place.Problem(field, RecordPlace.Words(reader.TokenType), "a list of numbers");
            reader.Skip();
            return null;
        }
        var numbers = new List<int>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var isNumber = reader.TokenType == JsonTokenType.Number;
            if (isNumber && reader.TryGetInt32(out var number)
                && ((number >= 0 && number < vocabulary) || (mayBeUnsupervised && number == Example.Unsupervised)))
            {
                numbers.Add(number);
            }
            else if (mayBeUnsupervised && reader.TokenType == JsonTokenType.Null)
            {
                numbers.Add(Example.Unsupervised);
            }
            else
            {
                place.Problem($"{field}[{numbers.Count}]", isNumber ? RecordPlace.Raw(ref reader) : RecordPlace.Words(reader.TokenType),
                    $"a token number, 0 to {vocabulary - 1}{(mayBeUnsupervised ? ", or -100" : "")}");
                while (reader.TokenType != JsonTokenType.EndArray || reader.CurrentDepth > 1)
                {
                    if (!reader.Read())
                        break;
                }
                return null;
            }
        }
        return [.. numbers];
    }
}
