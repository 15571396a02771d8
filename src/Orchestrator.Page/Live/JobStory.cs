using System.Globalization;
using Orchestrator.Api.V1;

namespace Orchestrator.Page.Live;

/// <summary>A number that a step has.</summary>
public sealed record StepPoint(double Step, double Value);

/// <summary>A time in which a worker was in one state.</summary>
/// <param name="Worker">SERVER/SLOT</param>
/// <param name="State">what it did</param>
/// <param name="From">seconds since the job had its first workers</param>
/// <param name="To">seconds since the job had its first workers</param>
public sealed record WorkerSpan(string Worker, string State, double From, double To);

/// <summary>Something that a person would want to know.</summary>
public sealed record Happening(long Number, DateTimeOffset At, string Kind, string Text);

/// <summary>What happened to a job, folded from its events into what is drawn.</summary>
sealed class JobStory
{
    const int PointsMax = 400;
    const int HappeningsMax = 500;

    static readonly string[] faultWords = ["lost", "gone", "cannot", "damaged", "wrong", "silent", "failed"];

    readonly List<StepPoint> losses = [], rates = [], validation = [];
    readonly List<(DateTimeOffset At, Changed What)> changes = [];
    readonly List<Happening> happenings = [];
    DateTimeOffset last;

    /// <summary>The number of the last event.</summary>
    public long Number { get; private set; }

    /// <summary>Mean training loss of the steps.</summary>
    public IReadOnlyList<StepPoint> Losses => Thinned(losses);

    /// <summary>Learning rate of the steps.</summary>
    public IReadOnlyList<StepPoint> Rates => Thinned(rates);

    /// <summary>Loss of the evaluations.</summary>
    public IReadOnlyList<StepPoint> Validation => validation;

    /// <summary>By layer, lowest adapted first: the gates' strength at the steps that told it.</summary>
    public List<List<StepPoint>> Gates { get; } = [];

    /// <summary>The first and last evaluation that have answers.</summary>
    public (Evaluated First, Evaluated Last)? Answers { get; private set; }

    /// <summary>Everything but the steps, the newest first.</summary>
    public IEnumerable<Happening> Happenings => Enumerable.Reverse(happenings);

    /// <summary>What went wrong, the newest first.</summary>
    public IEnumerable<Happening> Faults => Happenings.Where(one => one.Kind == "fault");

    /// <summary>Takes the next event.</summary>
    public void Take(Event told)
    {
        (Number, last) = (told.Number, told.At.ToDateTimeOffset());
        switch (told.WhatCase)
        {
            case Event.WhatOneofCase.Stepped:
                Take(told.Stepped);
                break;
            case Event.WhatOneofCase.Evaluated:
                var evaluated = told.Evaluated;
                validation.RemoveAll(point => point.Step >= evaluated.Step);
                validation.Add(new StepPoint(evaluated.Step, evaluated.Loss));
                if (evaluated.Answers.Count > 0)
                    Answers = (Answers?.First ?? evaluated, evaluated);
                Tell(told, "evaluation", string.Create(CultureInfo.InvariantCulture, $"Step {evaluated.Step}: validation loss {evaluated.Loss:F4}{(evaluated.Asked > 0 ? $", {evaluated.Exact} of {evaluated.Asked} answers exact" : "")}"));
                break;
            case Event.WhatOneofCase.Checkpointed:
                Tell(told, "checkpoint", $"Checkpoint of step {told.Checkpointed.Step} is on disk");
                break;
            case Event.WhatOneofCase.Changed:
                Take(told, told.Changed);
                break;
        }
    }

    void Take(Stepped step)
    {
        if (losses.Count > 0 && losses[^1].Step >= step.Step)      // the job went back
        {
            losses.RemoveAll(point => point.Step >= step.Step);
            rates.RemoveAll(point => point.Step >= step.Step);
        }
        losses.Add(new StepPoint(step.Step, step.Loss));
        rates.Add(new StepPoint(step.Step, step.LearningRate));
        for (var layer = 0; layer < step.Gates.Count; layer++)
        {
            if (Gates.Count == layer)
                Gates.Add([]);
            Gates[layer].RemoveAll(point => point.Step >= step.Step);
            Gates[layer].Add(new StepPoint(step.Step, step.Gates[layer]));
        }
    }

    void Take(Event told, Changed changed)
    {
        var before = changes.Count > 0 ? changes[^1].What : null;
        changes.Add((last, changed));
        var isFault = changed.Phase == Phase.Failed || IsFault(changed.Reason) && changed.Reason != before?.Reason;
        if (changed.Reason != before?.Reason)
            Tell(told, isFault ? "fault" : changed.Phase.ToString().ToLowerInvariant(), changed.Reason);
    }

    static bool IsFault(string reason) => faultWords.Any(word => reason.Contains(word, StringComparison.OrdinalIgnoreCase));

    void Tell(Event told, string kind, string text)
    {
        happenings.Add(new Happening(told.Number, told.At.ToDateTimeOffset(), kind, text));
        if (happenings.Count > HappeningsMax)
            happenings.RemoveAt(0);
    }

    /// <summary>Where each worker's time went, as far as the job's phases tell.</summary>
    public IReadOnlyList<WorkerSpan> Spans()
    {
        var spans = new List<WorkerSpan>();
        var begin = changes.FirstOrDefault(change => change.What.Members.Count > 0).At;      // seconds since it had its first workers
        for (var i = 0; i < changes.Count; i++)
        {
            var (at, what) = changes[i];
            var until = i + 1 < changes.Count ? changes[i + 1].At : last;
            if (StateOf(what) is not { } state)
                continue;
            foreach (var worker in what.Members)
            {
                var (from, to) = ((at - begin).TotalSeconds, (until - begin).TotalSeconds);
                var same = spans.FindLastIndex(span => span.Worker == worker);
                if (same >= 0 && spans[same].State == state && spans[same].To >= from - 0.001)
                    spans[same] = spans[same] with { To = to };
                else
                    spans.Add(new WorkerSpan(worker, state, from, to));
            }
        }
        return spans;
    }

    static string? StateOf(Changed what) => what.Detail switch
    {
        "running" => "training",
        "halting" or "atBoundary" or "suspending" => "saving",
        "mustering" or "waiting" => "gathering",
        _ => null,
    };

    static List<StepPoint> Thinned(List<StepPoint> all)
    {
        if (all.Count <= PointsMax)
            return [.. all];
        var every = (all.Count + PointsMax - 1) / PointsMax;
        return [.. all.Where((_, i) => i % every == 0 || i == all.Count - 1)];
    }
}
