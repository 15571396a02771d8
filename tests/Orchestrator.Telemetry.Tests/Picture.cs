using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ScottPlot;

namespace Orchestrator.Telemetry.Tests;

/// <summary>
/// A dashboard's curves as a picture, by its own queries over what a Prometheus has seen. With <c>REWRITE_PICTURES=1</c> they are those of the documentation, in <c>deploy/grafana</c>.
/// </summary>
static partial class Picture
{
    const int Columns = 3;
    const int PanelWidth = 400;
    const int PanelHeight = 230;
    const int SeriesMax = 8;
    const int BytesMin = 5_000;

    /// <summary>Draws one.</summary>
    /// <param name="dashboard">whose panels</param>
    /// <param name="prometheus">whom they ask</param>
    /// <param name="job">the job that is chosen</param>
    /// <param name="from">where the axis of time begins</param>
    /// <param name="folder">where it goes</param>
    public static async Task Draw(Dashboard dashboard, PrometheusServer prometheus, string job, DateTimeOffset from, string folder)
    {
        var panels = dashboard.Panels.Where(panel => (string?)panel["type"] == "timeseries").ToList();
        var picture = new Multiplot();
        picture.AddPlots(panels.Count);
        picture.Layout = new ScottPlot.MultiplotLayouts.Grid((panels.Count + Columns - 1) / Columns, Columns);
        var happened = new List<double>();
        foreach (var (_, query) in dashboard.Annotations)
            happened.AddRange((await prometheus.Curves(Dashboard.Filled(query, job), from)).SelectMany(series => Beginnings(series.Points)));
        foreach (var (panel, i) in panels.Select((panel, i) => (panel, i)))
            await Draw(picture.GetPlot(i), panel, prometheus, job, from, happened);
        var file = Path.Combine(Environment.GetEnvironmentVariable("REWRITE_PICTURES") == "1" ? Repository.PathOf("deploy/grafana") : folder, dashboard.Name + ".png");
        picture.SavePng(file, Columns * PanelWidth, (panels.Count + Columns - 1) / Columns * PanelHeight);
        Assert.True(new FileInfo(file).Length > BytesMin, $"{file} shows nothing");
    }

    static async Task Draw(Plot plot, JsonObject panel, PrometheusServer prometheus, string job, DateTimeOffset from, List<double> happened)
    {
        plot.Title((string)panel["title"]!, size: 14);
        plot.Axes.Left.Label.Text = (string?)panel["fieldConfig"]?["defaults"]?["unit"] is { } unit and not ("none" or "short") ? unit : "";
        plot.Axes.Left.Label.FontSize = 11;
        foreach (var second in happened)
            plot.Add.VerticalLine(second, 1, Colors.Gray.WithAlpha(0.35));
        foreach (var target in panel["targets"]!.AsArray())
        {
            var curves = await prometheus.Curves(Dashboard.Filled((string)target!["expr"]!, job), from);
            foreach (var (labels, points) in curves.Take(SeriesMax))
            {
                var finite = points.Where(point => double.IsFinite(point.Value)).ToList();
                if (finite.Count == 0)
                    continue;
                var line = plot.Add.ScatterLine(finite.Select(point => point.Second).ToArray(), finite.Select(point => point.Value).ToArray());
                (line.LegendText, line.LineWidth) = (Label().Replace((string?)target["legendFormat"] ?? "", match => (string?)labels[match.Groups[1].Value] ?? ""), 1.5f);
            }
        }
        (plot.Legend.FontSize, plot.Legend.BackgroundColor, plot.Legend.ShadowColor) = (10, Colors.White.WithAlpha(0.6), Colors.Transparent);
        plot.ShowLegend(Alignment.UpperLeft);
    }

    // When a query began to answer, each time.
    static IEnumerable<double> Beginnings(IReadOnlyList<(double Second, double Value)> points)
        => points.Where((point, i) => i == 0 || point.Second - points[i - 1].Second > 1).Select(point => point.Second);

    [GeneratedRegex(@"\{\{(\w+)\}\}")]
    private static partial Regex Label();
}
