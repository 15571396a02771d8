using System.Globalization;
using Spectre.Console;

namespace Orchestrator.Cli;

/// <summary>
/// Shows <see cref="TrainingProgress"/> on standard error: on a terminal one live line below the lines that stay, elsewhere plain lines, not more than one
/// every few seconds. Any thread may report.
/// </summary>
sealed class ProgressView(Output output, TimeProvider clock) : IProgress<TrainingProgress>, IDisposable
{
    /// <summary>Time between two drawings of the live line.</summary>
    public static readonly TimeSpan LiveEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>Time between two plain lines of the same kind.</summary>
    public static readonly TimeSpan PlainEvery = TimeSpan.FromSeconds(5);

    readonly Lock gate = new();
    readonly RemainingTime remaining = new(clock);
    long? shownAt;
    string shownWhat = "";
    string live = "";
    (long Step, long Steps) run;
    double? validation;

    /// <summary>Shows what happened.</summary>
    public void Report(TrainingProgress value)
    {
        lock (gate)
        {
            switch (value)
            {
                case TrainingProgress.Preparing part:
                    remaining.Note(part.What, part.Done, part.Total);
                    Show(part.What, part.Done, part.Total, ProgressText.Of(part), isLast: part.Done == part.Total);
                    break;
                case TrainingProgress.Began began:
                    run = (began.Step, began.Steps);
                    remaining.Note("training", began.Step, began.Steps);
                    break;
                case TrainingProgress.Stepped step:
                    run.Step = step.Step;
                    remaining.Note("training", step.Step, run.Steps);
                    Show("training", step.Step, run.Steps, ProgressText.Of(step, run.Steps, validation), isLast: step.Step == run.Steps);
                    break;
                case TrainingProgress.Evaluated evaluated:
                    validation = evaluated.Loss;
                    Stay(ProgressText.Of(evaluated));
                    break;
                case TrainingProgress.Saved saved:
                    Stay($"step {saved.Step}  checkpoint written to {saved.Folder}");
                    break;
                case TrainingProgress.Said said when said.IsWarning:
                    Clear();
                    output.Warning(said.Text);
                    Draw();
                    break;
                case TrainingProgress.Said said:
                    Stay(said.Text);
                    break;
            }
        }
    }

    /// <summary>Leaves the terminal as it was found; the last state stays as a line.</summary>
    public void Dispose()
    {
        lock (gate)
            Finish();
    }

    void Show(string what, long done, long total, string text, bool isLast)
    {
        if (what != shownWhat)
            Finish();
        var isFirst = what != shownWhat;
        shownWhat = what;
        var every = output.ErrorIsTerminal ? LiveEvery : PlainEvery;
        if (!isFirst && !isLast && shownAt is { } before && clock.GetElapsedTime(before) < every)
            return;
        shownAt = clock.GetTimestamp();
        var eta = isLast ? null : remaining.Text;
        if (output.ErrorIsTerminal)
        {
            live = ProgressText.Live(what, done, total, eta is null ? text : $"{text}  {eta} left", output.ErrorConsole.Profile.Width);
            Draw();
        }
        else
            output.ErrorWriter.WriteLine(eta is null ? $"{what}  {text}" : $"{what}  {text}  {eta} left");
    }

    void Stay(string line)
    {
        Clear();
        output.ErrorWriter.WriteLine(line);
        Draw();
    }

    void Draw()
    {
        if (live.Length == 0)
            return;
        Clear();
        output.ErrorConsole.Markup(live);
    }

    void Clear()
    {
        if (live.Length > 0)
            output.ErrorWriter.Write("\r\x1b[2K");
    }

    void Finish()
    {
        if (live.Length > 0)
            output.ErrorWriter.WriteLine();
        live = "";
    }
}

/// <summary>How long something will still take, by how fast it went so far.</summary>
sealed class RemainingTime(TimeProvider clock)
{
    string what = "";
    long from;
    long since;
    double? seconds;

    /// <summary>So much of it is done now.</summary>
    public void Note(string part, long done, long total)
    {
        if (part != what)
            (what, from, since, seconds) = (part, done, clock.GetTimestamp(), null);
        else if (done > from && total >= done)
            seconds = clock.GetElapsedTime(since).TotalSeconds / (done - from) * (total - done);
    }

    /// <summary>The time for people: <c>2h 05m</c>, <c>1m 12s</c>, <c>9s</c>; null before anything is known.</summary>
    public string? Text => seconds is { } left ? Of(TimeSpan.FromSeconds(Math.Min(left, 1e9))) : null;

    /// <summary>A time for people.</summary>
    public static string Of(TimeSpan time) => time switch
    {
        { TotalHours: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}h {time.Minutes:00}m"),
        { TotalMinutes: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}m {time.Seconds:00}s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(time.TotalSeconds):0}s"),
    };
}
