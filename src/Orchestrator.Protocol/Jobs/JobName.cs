using System.Diagnostics.CodeAnalysis;

namespace Orchestrator.Protocol.Jobs;

/// <summary>
/// The name of a job: a DNS label (RFC 1123), so that it can be a folder, a grain's key and a host's name alike: 1 to 63 lower-case letters,
/// digits and hyphens, none of them a hyphen at either end.
/// </summary>
public readonly record struct JobName
{
    /// <summary>Most characters of a name.</summary>
    public const int LengthMax = 63;

    /// <summary>What a name may be, for people.</summary>
    public const string Rule = "1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends";

    /// <summary>The name as the user wrote it.</summary>
    public string Text { get; }

    JobName(string text) => Text = text;

    /// <summary>Takes a name as it is.</summary>
    /// <exception cref="ProblemException"><paramref name="text"/> is no name</exception>
    public static JobName Parse(string? text)
        => TryParse(text, out var name) ? name : throw new ProblemException("name", $"'{text}'", Rule, $"'{From(text)}' would do");

    /// <summary>Takes a name as it is, if it is one.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out JobName name)
    {
        var isName = text is { Length: > 0 and <= LengthMax } && text.All(IsAllowed) && text[0] != '-' && text[^1] != '-';
        name = isName ? new JobName(text!) : default;
        return isName;
    }

    /// <summary>The nearest name to any text: <c>My Job.v2</c> becomes <c>my-job-v2</c>, and what holds no letter or digit at all becomes <c>job</c>.</summary>
    public static JobName From(string? text)
    {
        var words = string.Concat((text ?? "").ToLowerInvariant().Select(c => IsAllowed(c) ? c : '-'))
            .Split('-', StringSplitOptions.RemoveEmptyEntries);
        var label = string.Join('-', words);
        label = (label.Length > LengthMax ? label[..LengthMax] : label).TrimEnd('-');
        return new JobName(label.Length == 0 ? "job" : label);
    }

    /// <inheritdoc/>
    public override string ToString() => Text ?? "";

    static bool IsAllowed(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-';
}
