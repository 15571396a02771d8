using System.Globalization;
using System.Text.Json.Nodes;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Chart.Tests.CustomResource;

/// <summary>The rules of <see cref="SpecRules"/> that are about several keys, in the API server's language. A test holds that both judge alike.</summary>
static class SpecRulesInCel
{
    /// <summary>The rules, each with the group at which it stands; empty is the spec itself.</summary>
    public static IReadOnlyList<(string Group, JsonObject Rule)> All { get; } =
    [
        ("training", Rule($"{Or("training.microBatchSize")} <= {Or("training.globalBatchSize")}", "microBatchSize: at most globalBatchSize is expected; a micro-batch is a part of a step's batch")),
        ("training", Rule($"!has(self.learningRate) || {Or("training.minLearningRate")} <= self.learningRate", "minLearningRate: at most learningRate is expected")),
        ("training", Rule($"{Or("training.schedule")} != 'cosine' || !has(self.warmupEpochs) || self.warmupEpochs <= double({Or("training.epochs")})", "warmupEpochs: at most epochs is expected")),
        ("training", Rule($"{Or("training.schedule")} != 'cosine' || {Or("training.warmupSteps")} == 0", "warmupSteps: 0 is expected under the schedule cosine; say warmupEpochs, or schedule: cosineBySteps")),
        ("training", Rule($"{Or("training.schedule")} == 'cosine' || !has(self.warmupEpochs)", "warmupEpochs: nothing is expected under this schedule; say warmupSteps")),
        ("", Rule("!has(self.data.validation) || self.data.validation != 0 || !has(self.evaluation) || !has(self.evaluation.earlyStop)",
            "evaluation.earlyStop: nothing is expected where data.validation is 0; hold out some records, or train to the end")),
        ("", Rule("!has(self.data.validation) || !has(self.evaluation) || !has(self.evaluation.exactMatch) || self.evaluation.exactMatch <= self.data.validation",
            "evaluation.exactMatch: at most data.validation is expected")),
    ];

    /// <summary>That a key of the spec stays as it is.</summary>
    public static JsonObject Immutable(string key)
        => Rule($"has(self.{key}) == has(oldSelf.{key}) && (!has(self.{key}) || self.{key} == oldSelf.{key})", $"{key}: a job is what it was submitted as; only workers and suspend may change");

    /// <summary>A rule and what is said where it is broken.</summary>
    public static JsonObject Rule(string rule, string message) => new() { ["rule"] = rule, ["message"] = message };

    // A key of the group, or the value that it has where it is left out.
    static string Or(string path)
    {
        var key = SpecKeys.Find(path)!;
        var otherwise = key.Default switch
        {
            string word => $"'{word}'",
            double number => number.ToString("0.0###############", CultureInfo.InvariantCulture),
            var whole => Convert.ToString(whole, CultureInfo.InvariantCulture),
        };
        return $"(has(self.{key.Name}) ? self.{key.Name} : {otherwise})";
    }
}
