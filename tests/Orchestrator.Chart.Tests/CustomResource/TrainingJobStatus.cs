using System.Text.Json.Nodes;

namespace Orchestrator.Chart.Tests.CustomResource;

/// <summary>What a <c>TrainingJob</c> says of itself, and what <c>kubectl get</c> shows of it.</summary>
static class TrainingJobStatus
{
    /// <summary>The schema of <c>status</c>.</summary>
    public static JsonObject Schema() => Map("How the job is. The operator writes it.", new()
    {
        ["observedGeneration"] = Whole("The generation of the resource that this is about."),
        ["phase"] = Word("Where the job is.", "Queued", "Preparing", "Running", "Suspended", "Completed", "Failed", "Cancelled"),
        ["reason"] = Text("Why it is there, for a person: what it waits for, or what went wrong."),
        ["position"] = Whole("Its place in the queue, from 1, while it waits."),
        ["step"] = Whole("The highest committed step."),
        ["steps"] = Whole("The last step."),
        ["progress"] = Text("Both of them, for people: 120/2400."),
        ["loss"] = Number("Mean training loss of the last step."),
        ["validationLoss"] = Number("Loss of the held-out records when they were looked at last."),
        ["tokensPerSecond"] = Number("Tokens computed in a second, all workers together."),
        ["goodput"] = Number("Share of the worker-seconds that computed what is in the result, 0 to 1."),
        ["workers"] = Whole("Workers that compute."),
        ["workersWanted"] = Whole("Workers that were asked for."),
        ["selector"] = Text("Selects the pods of workers, as an autoscaler asks for it."),
        ["eta"] = Time("When it will be done, at the present speed."),
        ["remaining"] = Text("The time until then, for people: 1h20m."),
        ["kind"] = Text("Kind of device on which it trains, and on which alone it can be resumed."),
        ["checkpoint"] = Whole("Step of the newest whole checkpoint."),
        ["digest"] = Text("SHA-256 of the adapter, once it is there."),
        ["specDigest"] = Text("SHA-256 of the job's spec."),
        ["submitted"] = Time("When it was taken in."),
        ["started"] = Time("When it got its first workers."),
        ["ended"] = Time("When it was over."),
        ["conditions"] = new JsonObject
        {
            ["description"] = "Accepted, Running, Suspended, Complete and Failed, as kubectl wait asks for them.",
            ["type"] = "array",
            ["x-kubernetes-list-type"] = "map",
            ["x-kubernetes-list-map-keys"] = new JsonArray("type"),
            ["items"] = Condition(),
        },
    });

    /// <summary>The columns of <c>kubectl get trainingjobs</c>; those of priority 1 with <c>-o wide</c>.</summary>
    public static JsonArray Columns() =>
    [
        Column("Phase", "string", ".status.phase", "Where the job is."),
        Column("Step", "string", ".status.progress", "Committed and last step."),
        Column("Loss", "number", ".status.loss", "Mean training loss of the last step."),
        Column("Workers", "integer", ".status.workers", "Workers that compute."),
        Column("Wanted", "integer", ".spec.workers", "Workers that were asked for."),
        Column("Remaining", "string", ".status.remaining", "Time until it is done."),
        Column("Age", "date", ".metadata.creationTimestamp", "Time since it was made."),
        Column("Goodput", "number", ".status.goodput", "Share of the worker-seconds that computed what is in the result.", 1),
        Column("Reason", "string", ".status.reason", "Why it is there.", 1),
        Column("Digest", "string", ".status.digest", "SHA-256 of the adapter.", 1),
    ];

    static JsonObject Condition()
    {
        var condition = Map("One of them.", new()
        {
            ["type"] = Text("Which."),
            ["status"] = Word("Whether it holds.", "True", "False", "Unknown"),
            ["reason"] = Text("Why, in a word."),
            ["message"] = Text("Why, for a person."),
            ["observedGeneration"] = Whole("The generation of the resource that this is about."),
            ["lastTransitionTime"] = Time("Since when."),
        });
        condition["required"] = new JsonArray("type", "status", "lastTransitionTime", "reason", "message");
        return condition;
    }

    static JsonObject Column(string name, string type, string path, string says, int priority = 0)
    {
        var column = new JsonObject { ["name"] = name, ["type"] = type, ["jsonPath"] = path, ["description"] = says };
        if (priority > 0)
            column["priority"] = priority;
        return column;
    }

    static JsonObject Map(string says, JsonObject properties) => new() { ["description"] = says, ["type"] = "object", ["properties"] = properties };

    static JsonObject Text(string says) => new() { ["description"] = says, ["type"] = "string" };

    static JsonObject Word(string says, params string[] words) => new() { ["description"] = says, ["type"] = "string", ["enum"] = new JsonArray([.. words]) };

    static JsonObject Whole(string says) => new() { ["description"] = says, ["type"] = "integer", ["format"] = "int64", ["minimum"] = 0 };

    static JsonObject Number(string says) => new() { ["description"] = says, ["type"] = "number", ["format"] = "double" };

    static JsonObject Time(string says) => new() { ["description"] = says, ["type"] = "string", ["format"] = "date-time" };
}
