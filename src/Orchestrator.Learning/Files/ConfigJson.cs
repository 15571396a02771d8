using System.Text.Json;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Files;

/// <summary>A JSON file of settings whose mistakes are gathered, each with its field, instead of thrown one by one.</summary>
sealed class ConfigJson
{
    const long BytesMax = 16 << 20;

    readonly JsonElement root;

    ConfigJson(string path, JsonElement root) => (Path, this.root) = (path, root);

    public string Path { get; }

    public List<Problem> Problems { get; } = [];

    /// <exception cref="ProblemException">missing, too large, or no JSON object</exception>
    public static ConfigJson Open(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > BytesMax)
                throw new ProblemException(path, $"{file.Length:N0} bytes", $"at most {BytesMax:N0}", "this is no configuration");
            using var json = JsonDocument.Parse(file, new() { MaxDepth = 16, AllowDuplicateProperties = false });
            CheckTexts(json.RootElement);
            return json.RootElement.ValueKind == JsonValueKind.Object ? new(path, json.RootElement.Clone()) : throw new ProblemException(path, "no JSON object", "one");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            throw new ProblemException(path, e.Message, "a JSON file");
        }
    }

    /// <summary>The parser looks at a text only when it is asked for: wrong UTF-8 or half a surrogate pair should show here, once.</summary>
    static void CheckTexts(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in value.EnumerateObject())
                {
                    _ = property.Name;
                    CheckTexts(property.Value);
                }
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                    CheckTexts(item);
                break;
            case JsonValueKind.String:
                value.GetString();
                break;
        }
    }

    /// <summary>The settings of an object within, or null.</summary>
    public ConfigJson? Within(string key)
    {
        if (Find(key) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Object)
            return new($"{Path} {key}", value);
        Wrong(key, value, "an object or null");
        return null;
    }

    public int Int(string key, int min, int max, int? missing = null)
    {
        if (Find(key) is not { } value)
            return missing ?? Missing(key, $"a whole number from {min} to {max}", min);
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= min && number <= max)
            return number;
        return Wrong(key, value, $"a whole number from {min} to {max}", min);
    }

    public double Number(string key, double min, double max, double? missing = null)
    {
        if (Find(key) is not { } value)
            return missing ?? Missing(key, $"a number from {min} to {max}", min);
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= min && number <= max)
            return number;
        return Wrong(key, value, $"a number from {min} to {max}", min);
    }

    public bool Bool(string key, bool missing) =>
        Find(key) is not { } value ? missing : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : Wrong(key, value, "true or false", missing);

    public string? Text(string key) => Find(key) is not { } value ? null : TextOf(value) ?? Wrong(key, value, "a text", "");

    /// <summary>One number or a list of them.</summary>
    public IReadOnlyList<int> Ints(string key)
    {
        if (Find(key) is not { } value)
            return [];
        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return items.All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _))
            ? [.. items.Select(item => item.GetInt32())]
            : Wrong(key, value, "token numbers", Array.Empty<int>());
    }

    /// <summary>Names and texts of an object within.</summary>
    public IEnumerable<(string Key, string? Value)> Texts() => root.EnumerateObject().Select(property => (property.Name, TextOf(property.Value)));

    /// <summary>The settings' names, in the file's order.</summary>
    public IEnumerable<string> Keys => root.EnumerateObject().Select(property => property.Name);

    public bool Has(string key) => Find(key) is not null;

    public string Raw(string key) => Find(key) is { } value ? Shorten(value) : "nothing";

    public void Refuse(string key, string expected, string remedy = "") => Problems.Add(new($"{Path} {key}", Raw(key), expected, remedy));

    JsonElement? Find(string key) => root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    T Missing<T>(string key, string expected, T instead)
    {
        Problems.Add(new($"{Path} {key}", "nothing", expected));
        return instead;
    }

    T Wrong<T>(string key, JsonElement value, string expected, T instead)
    {
        Wrong(key, value, expected);
        return instead;
    }

    void Wrong(string key, JsonElement value, string expected) => Problems.Add(new($"{Path} {key}", Shorten(value), expected));

    static string? TextOf(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static string Shorten(JsonElement value) => value.GetRawText() is { Length: > 60 } long_ ? long_[..60] + "…" : value.GetRawText();
}
