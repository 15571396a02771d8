using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Ledger;

/// <summary>
/// What one committed step computed, from what, with which result. Nothing in it depends on who computed it, so every worker writes the same line and
/// the ledger of a job has one content, whatever happened on the way.
/// </summary>
public sealed record LedgerLine
{
    /// <summary>The step's number.</summary>
    public required long Step { get; init; }

    /// <summary>The pass over the data, from 0.</summary>
    public required int Epoch { get; init; }

    /// <summary>Mean loss of the step's supervised tokens, in nats.</summary>
    public required double Loss { get; init; }

    /// <summary>The learning rate of its update.</summary>
    public required double LearningRate { get; init; }

    /// <summary>L2 norm of its gradient, before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>Tokens of its samples.</summary>
    public required long Tokens { get; init; }

    /// <summary>Tokens that the loss looked at.</summary>
    public required long Supervised { get; init; }

    /// <summary>Its samples, in the order in which they were cut into micro-batches.</summary>
    public required IReadOnlyList<int> Samples { get; init; }

    /// <summary>SHA-256 of the parameters after it, as little-endian fp32, in lower-case hexadecimal.</summary>
    public required string Parameters { get; init; }
}

/// <summary>The ledger's first line: what the job's result is a function of.</summary>
public sealed record LedgerHead
{
    /// <summary>Version of the format.</summary>
    public int Ledger { get; init; } = 1;

    /// <summary>SHA-256 of the part of the spec that defines the result.</summary>
    public required string Spec { get; init; }

    /// <summary>Digest of the base's files.</summary>
    public required string Base { get; init; }

    /// <summary>Digest of the tokenised records.</summary>
    public required string Data { get; init; }

    /// <summary>Digest of the adapter that training started from; empty without one.</summary>
    public required string Init { get; init; }

    /// <summary>Kind of device and versions within which the bits are promised.</summary>
    public required string Kind { get; init; }

    /// <summary>Number of steps.</summary>
    public required long Steps { get; init; }

    /// <summary>M, micro-batches of a step.</summary>
    public required int MicroBatches { get; init; }

    /// <summary>The head of a job's ledger.</summary>
    public static LedgerHead Of(JobPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new LedgerHead
        {
            Spec = plan.Digests.Spec,
            Base = plan.Digests.Base,
            Data = plan.Digests.Data,
            Init = plan.Digests.Init,
            Kind = plan.Kind,
            Steps = plan.Last.Number,
            MicroBatches = plan.MicroBatches,
        };
    }
}

/// <summary>
/// The chain that ties the lines: each line ends with <c>"chain"</c>, the SHA-256 of the chain before it and its own bytes. A line that was changed, lost or
/// put elsewhere breaks it there.
/// </summary>
public static class LedgerChain
{
    static readonly JsonSerializerOptions options = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectNullableAnnotations = true,
    };

    /// <summary>The chain before the first line.</summary>
    public const string Start = "";

    /// <summary>The head as a line of the file, and the chain after it.</summary>
    public static (string Text, string Chain) Append(string chain, LedgerHead head) => Tie(chain, JsonSerializer.Serialize(head, options));

    /// <summary>A step as a line of the file, and the chain after it.</summary>
    public static (string Text, string Chain) Append(string chain, LedgerLine line) => Tie(chain, JsonSerializer.Serialize(line, options));

    /// <summary>Reads the head.</summary>
    /// <exception cref="ProblemException">the line is damaged or does not follow</exception>
    public static (LedgerHead Head, string Chain) ReadHead(string text, string place) => Read<LedgerHead>(Start, text, place);

    /// <summary>Reads a step.</summary>
    /// <param name="chain">the chain before it</param>
    /// <param name="text">the line</param>
    /// <param name="place">file and line, for the problem</param>
    /// <exception cref="ProblemException">the line is damaged or does not follow</exception>
    public static (LedgerLine Line, string Chain) ReadLine(string chain, string text, string place) => Read<LedgerLine>(chain, text, place);

    static (string Text, string Chain) Tie(string chain, string json)
    {
        var next = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(chain + json)));
        return ($"{json[..^1]},\"chain\":\"{next}\"}}", next);
    }

    static (T Value, string Chain) Read<T>(string chain, string text, string place)
    {
        ArgumentNullException.ThrowIfNull(text);
        const int tailLength = 64 + 12;      // ,"chain":"…"}
        if (text.Length > tailLength && text[^tailLength..].StartsWith(",\"chain\":\"", StringComparison.Ordinal))
        {
            var json = text[..^tailLength] + "}";
            var (whole, next) = Tie(chain, json);
            try
            {
                if (whole == text && JsonSerializer.Deserialize<T>(json, options) is { } value)
                    return (value, next);
            }
            catch (JsonException)
            {
            }
        }
        throw new ProblemException(place, "a line that does not follow from the one before", "the line that was written",
            "the ledger was changed or damaged from here on; the steps can be computed again from the last checkpoint before it");
    }
}
