using System.Globalization;
using System.Net;
using System.Text;
using Orchestrator.Learning.Files;

namespace Orchestrator.Cli.Report;

/// <summary>
/// Writes <c>report.html</c>: one file that needs nothing else, for a browser in light or dark, and for paper. The charts are drawn here and not by a charting
/// package, because a package's SVG has its colours written in, and one file must serve both.
/// </summary>
public static class ReportPage
{
    const int PointsMax = 800;
    const int WideChart = 960, HalfChart = 464;

    /// <summary>Writes the page; it is either whole or not there.</summary>
    public static void Write(string path, RunReport run)
    {
        var html = Html(run);
        AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(html)));
    }

    /// <summary>The page.</summary>
    public static string Html(RunReport run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var html = new StringBuilder("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
            .Append($"<meta name=\"color-scheme\" content=\"light dark\"><title>{Text(run.Job)}</title><style>{Css()}</style></head><body><main>")
            .Append($"<header><h1>{Text(run.Job)}</h1><p>{Text(run.Summary)}</p></header>")
            .Append(Tiles(run))
            .Append(Loss(run))
            .Append("<div class=\"pair\">").Append(LearningRate(run)).Append(Speed(run));
        if (run.Gates.Count > 0)
            html.Append(GateMap.Html(run.Gates));
        var exact = run.Evaluations.Where(evaluation => evaluation.ExactMatch is not null).ToList();
        if (exact.Count > 1)
            html.Append(Exact(exact));
        html.Append("</div>");
        if (run.Answers.Count > 0)
            html.Append(Answers(run.Answers));
        if (run.Facts.Count > 0)
            html.Append("<section><h2>The run</h2><table class=\"facts\">")
                .AppendJoin("", run.Facts.Select(fact => $"<tr><th>{Text(fact.Name)}</th><td>{Text(fact.Value)}</td></tr>")).Append("</table></section>");
        return html.Append("</main></body></html>\n").ToString();
    }

    static string Tiles(RunReport run)
    {
        var tiles = new List<(string Name, string Value, string Note)>();
        var steps = run.Steps;
        if (steps.Count > 0)
            tiles.Add(("training loss", Number(steps[^1].Loss, "0.000"), $"from {Number(steps[0].Loss, "0.000")}"));
        if (run.Evaluations.Count > 0)
        {
            var (first, last) = (run.Evaluations[0], run.Evaluations[^1]);
            tiles.Add(("held-out loss", Number(last.Loss, "0.000"), first == last ? "" : $"from {Number(first.Loss, "0.000")}"));
            tiles.Add(("perplexity", Number(Math.Exp(last.Loss), "0.00"), first == last ? "" : $"from {Number(Math.Exp(first.Loss), "0.00")}"));
            if (last.ExactMatch is { } after)
                tiles.Add(("exact match", $"{Number(after * 100, "0.0")} %", first.ExactMatch is { } before && first != last ? $"from {Number(before * 100, "0.0")} %" : ""));
        }
        if (steps.Any(step => step.TokensPerSecond is not null))
            tiles.Add(("tokens per second", Number(steps.Average(step => step.TokensPerSecond) ?? 0, "N0"), "mean over the run"));
        return "<div class=\"tiles\">" + string.Concat(tiles.Select(tile => $"<div><span>{Text(tile.Name)}</span><b>{Text(tile.Value)}</b><small>{Text(tile.Note)}</small></div>")) + "</div>";
    }

    static string Loss(RunReport run)
    {
        var raw = LineChart.Thinned(Of(run.Steps, step => step.Loss), PointsMax);
        return new LineChart("Loss, nats per token",
        [
            new("", "faint", raw),
            new("training", "first", LineChart.Smoothed(raw)),
            new("held out", "second", [.. run.Evaluations.Where(e => double.IsFinite(e.Loss)).Select(e => ((double)e.Step, e.Loss))], HasDots: true),
        ], WideChart, 320).Html();
    }

    static string LearningRate(RunReport run)
    {
        var rates = LineChart.Thinned(Of(run.Steps, step => step.LearningRate), PointsMax);
        return new LineChart("Learning rate", [new("highest", "first", rates) { Reading = rates.Select(point => point.Y).DefaultIfEmpty().Max() }], HalfChart, 220) { FromZero = true }.Html();
    }

    static string Speed(RunReport run)
    {
        var raw = LineChart.Thinned(Of(run.Steps.Where(step => step.TokensPerSecond is not null), step => step.TokensPerSecond!.Value), PointsMax);
        return new LineChart("Tokens per second", [new("", "faint", raw), new("at the end", "third", LineChart.Smoothed(raw))], HalfChart, 220) { FromZero = true }.Html();
    }

    static string Exact(IEnumerable<ReportEvaluation> evaluations)
        => new LineChart("Exact match, %", [new("held out", "second", [.. evaluations.Select(e => ((double)e.Step, 100 * e.ExactMatch!.Value))], HasDots: true)], HalfChart, 300) { FromZero = true }.Html();

    static string Answers(IReadOnlyList<ReportAnswer> answers)
    {
        var hasBefore = answers.Any(answer => answer.Before is not null);
        var html = new StringBuilder($"<section><h2>Answers{(hasBefore ? " before and after" : "")}</h2><table class=\"answers\"><thead><tr><th>asked</th>{(hasBefore ? "<th>before</th>" : "")}<th>after</th></tr></thead>");
        foreach (var answer in answers)
        {
            html.Append($"<tr><td>{Text(answer.Instruction)}{(answer.Input.Length > 0 ? $"<div class=\"input\">{Text(answer.Input)}</div>" : "")}</td>");
            if (hasBefore)
                html.Append(Answer(answer.Before ?? "", answer.Expected));
            html.Append(Answer(answer.After, answer.Expected)).Append("</tr>");
        }
        return html.Append("</table></section>").ToString();
    }

    static string Answer(string given, string expected)
    {
        var isRight = given.Trim() == expected.Trim();
        return $"<td class=\"{(isRight ? "right" : "wrong")}\">{Text(given.Trim())}{(isRight ? "" : $"<div class=\"expected\">expected: {Text(expected.Trim())}</div>")}</td>";
    }

    static List<(double X, double Y)> Of(IEnumerable<ReportStep> steps, Func<ReportStep, double> value)
        => [.. steps.Select(step => ((double)step.Step, value(step))).Where(point => double.IsFinite(point.Item2))];

    static string Css()
    {
        using var css = new StreamReader(typeof(ReportPage).Assembly.GetManifestResourceStream("report.css")!);
        return css.ReadToEnd();
    }

    static string Number(double number, string format) => number.ToString(format, CultureInfo.InvariantCulture);

    static string Text(string text) => WebUtility.HtmlEncode(text);
}
