using System.Globalization;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Demo;
using Spectre.Console;

namespace Orchestrator.Cli.Cluster;

/// <summary>
/// Shows what happens to a job on standard output: on a terminal a picture of four lines below the lines that stay, elsewhere a line for each event, and JSON lines for programs.
/// </summary>
sealed class WatchView : IDisposable
{
    // A job of a million steps need not be drawn from a million numbers.
    const int LossesMax = 4096;

    static readonly TimeSpan drawnEvery = TimeSpan.FromMilliseconds(100);

    readonly Output output;
    readonly TimeProvider clock;
    readonly string name;
    readonly List<double> losses = [];
    readonly RecentSpeed speed = new();
    readonly RemainingTime remaining;
    Phase phase;
    string reason = "";
    Stepped? last;
    double tokensPerSecond;
    double? validation;
    long checkpoint;
    int workers;
    int drawn;
    long drawnAt;

    /// <param name="name">the job's</param>
    /// <param name="output">where it is shown</param>
    /// <param name="clock">how often the picture changes, and how long it will take</param>
    public WatchView(string name, Output output, TimeProvider clock)
    {
        (this.name, this.output, this.clock) = (name, output, clock);
        remaining = new RemainingTime(clock);
    }

    bool IsLive => output.OutIsTerminal && !output.IsJson;

    /// <summary>How the job is before its first event.</summary>
    public void Show(Job job)
    {
        (phase, reason, workers) = (job.Phase, job.Reason, job.Workers);
        if (IsLive)
            Draw(always: true);
        else if (!output.IsJson)
            output.Line(JobText.Line(job));
    }

    /// <summary>Something happened.</summary>
    public void Show(Event what)
    {
        Take(what);
        if (output.IsJson)
            output.JsonLine(EventJson.Of(what));
        else if (!IsLive)
            output.Line(JobText.Line(what));
        else if (what.WhatCase is Event.WhatOneofCase.Stepped or Event.WhatOneofCase.Checkpointed)
            Draw(always: false);
        else
            Stay(JobText.Line(what));
    }

    /// <summary>The server went away; it is asked again.</summary>
    public void Away(string why)
    {
        if (IsLive)
            Erase();
        output.Warning($"{why}; trying again");
        if (IsLive)
            Draw(always: true);
    }

    void Take(Event what)
    {
        switch (what.WhatCase)
        {
            case Event.WhatOneofCase.Changed:
                (phase, reason, workers) = (what.Changed.Phase, what.Changed.Reason, what.Changed.Workers);
                break;
            case Event.WhatOneofCase.Stepped when what.Stepped is var step:
                (last, workers, tokensPerSecond) = (step, step.Workers, speed.After(step.Tokens, step.Seconds));
                remaining.Note("training", step.Step, step.Steps);
                losses.Add(step.Loss);
                if (losses.Count > LossesMax)
                    Halve();
                break;
            case Event.WhatOneofCase.Evaluated:
                validation = what.Evaluated.Loss;
                break;
            case Event.WhatOneofCase.Checkpointed:
                checkpoint = what.Checkpointed.Step;
                break;
        }
    }

    void Halve()
    {
        var means = losses.Chunk(2).Select(pair => pair.Average()).ToList();
        losses.Clear();
        losses.AddRange(means);
    }

    void Stay(string line)
    {
        Erase();
        output.Line(line);
        Draw(always: true);
    }

    void Draw(bool always)
    {
        if (!always && clock.GetElapsedTime(drawnAt) < drawnEvery)
            return;
        Erase();
        drawnAt = clock.GetTimestamp();
        var width = Math.Max(20, output.ErrorConsole.Profile.Width - 1);
        foreach (var line in Picture(width))
        {
            output.Styled(line);
            drawn++;
        }
    }

    /// <summary>The picture, as lines of Spectre's markup, none wider than the terminal.</summary>
    internal IEnumerable<string> Picture(int width)
    {
        yield return $"[bold]{Markup.Escape(name)}[/]  {Markup.Escape(Cut($"{JobText.State(phase)}, {workers} {(workers == 1 ? "worker" : "workers")}{(reason.Length > 0 ? ": " + reason : "")}", width - name.Length - 2))}";
        if (last is null)
            yield break;
        yield return ProgressText.Live("", last.Step, last.Steps, Cut(string.Create(CultureInfo.InvariantCulture, $"step {last.Step} of {last.Steps}"), width), width);
        yield return Markup.Escape(Cut("loss " + LossCurve.Of(losses), width));
        var left = phase == Phase.Running ? remaining.Text : null;
        yield return Markup.Escape(Cut(string.Join("  ", new[]
        {
            string.Create(CultureInfo.InvariantCulture, $"{tokensPerSecond:N0} tokens/s"),
            left is null ? "" : $"{left} left",
            validation is { } loss ? string.Create(CultureInfo.InvariantCulture, $"held out {loss:0.0000}") : "",
            checkpoint > 0 ? string.Create(CultureInfo.InvariantCulture, $"checkpoint {checkpoint}") : "",
        }.Where(text => text.Length > 0)), width));
    }

    void Erase()
    {
        if (drawn > 0)
            output.Out.Write($"\x1b[{drawn}F\x1b[J");      // to the picture's first line, and away with what is below
        drawn = 0;
    }

    static string Cut(string text, int width) => text.Length <= width ? text : text[..Math.Max(0, width - 1)] + "…";

    /// <summary>Leaves the last picture standing.</summary>
    public void Dispose()
    {
        if (IsLive)
            Draw(always: true);
    }
}

/// <summary>An event as programs read it: its number, its time, which of four it is, and what it says.</summary>
sealed record EventJson(long Number, DateTimeOffset At, string Event, string? State, string? Detail, string? Reason, long? Generation, int? Workers, long? Step, long? Steps, double? Loss,
    double? LearningRate, double? GradientNorm, long? Tokens, double? Seconds, double? Perplexity, int? Asked, int? Exact)
{
    /// <summary>Of the API's event.</summary>
    public static EventJson Of(Event what)
    {
        var bare = new EventJson(what.Number, what.At.ToDateTimeOffset(), what.WhatCase.ToString().ToLowerInvariant(), null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
        return what.WhatCase switch
        {
            Orchestrator.Api.V1.Event.WhatOneofCase.Changed when what.Changed is var changed
                => bare with { State = JobText.State(changed.Phase), Detail = changed.Detail, Reason = changed.Reason, Generation = changed.Generation, Workers = changed.Workers },
            Orchestrator.Api.V1.Event.WhatOneofCase.Stepped when what.Stepped is var step => bare with
            {
                Step = step.Step,
                Steps = step.Steps,
                Loss = step.Loss,
                LearningRate = step.LearningRate,
                GradientNorm = step.GradientNorm,
                Tokens = step.Tokens,
                Seconds = step.Seconds,
                Workers = step.Workers,
            },
            Orchestrator.Api.V1.Event.WhatOneofCase.Evaluated when what.Evaluated is var done
                => bare with { Step = done.Step, Loss = done.Loss, Perplexity = done.Perplexity, Asked = done.Asked, Exact = done.Exact },
            Orchestrator.Api.V1.Event.WhatOneofCase.Checkpointed => bare with { Step = what.Checkpointed.Step },
            _ => bare,
        };
    }
}
