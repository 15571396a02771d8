using System.Globalization;
using System.Net;
using System.Text;

namespace Orchestrator.Cli.Report;

/// <summary>One line of a chart.</summary>
/// <param name="Name">as the legend calls it</param>
/// <param name="Style">class in <c>report.css</c>: <c>first</c>, <c>second</c>, <c>faint</c></param>
/// <param name="Points">by x, ascending; y finite</param>
/// <param name="HasDots">whether each point is marked, as where there are few</param>
sealed record Series(string Name, string Style, IReadOnlyList<(double X, double Y)> Points, bool HasDots = false)
{
    /// <summary>The number beside the name; the last one unless something else says more.</summary>
    public double Reading { get; init; } = Points.Count > 0 ? Points[^1].Y : 0;
}

/// <summary>A chart of lines as inline SVG. Colours are classes, so that one drawing serves light, dark and paper.</summary>
/// <param name="Title">above it</param>
/// <param name="Lines">drawn in this order</param>
/// <param name="Width">in units of the drawing, about a pixel each</param>
/// <param name="Height">likewise</param>
sealed record LineChart(string Title, IReadOnlyList<Series> Lines, int Width, int Height)
{
    const int Left = 52, Right = 14, Top = 12, Bottom = 28;
    const int ColumnsMax = 160;

    /// <summary>Whether the y axis begins at zero.</summary>
    public bool FromZero { get; init; }

    /// <summary>The chart with its title and legend.</summary>
    public string Html()
    {
        var shown = Lines.Where(line => line.Points.Count > 0).ToList();
        var html = new StringBuilder($"<figure><figcaption>{WebUtility.HtmlEncode(Title)}");
        foreach (var line in shown.Where(line => line.Name.Length > 0))
            html.Append($"<span class=\"key {line.Style}\">{WebUtility.HtmlEncode(line.Name)} <b>{Ticks.Text(line.Reading)}</b></span>");
        html.Append("</figcaption>");
        return html.Append(shown.Count == 0 ? "<p class=\"none\">nothing to show</p>" : Svg(shown)).Append("</figure>").ToString();
    }

    string Svg(List<Series> shown)
    {
        var all = shown.SelectMany(line => line.Points).ToList();
        var yTicks = Ticks.Around(FromZero ? Math.Min(0, all.Min(point => point.Y)) : all.Min(point => point.Y), all.Max(point => point.Y), Math.Max(2, Height / 50));
        var (xLo, xHi) = (all.Min(point => point.X), Math.Max(all.Max(point => point.X), all.Min(point => point.X) + 1));
        double X(double x) => Left + (x - xLo) / (xHi - xLo) * (Width - Left - Right);
        double Y(double y) => Height - Bottom - (y - yTicks[0]) / (yTicks[^1] - yTicks[0]) * (Height - Top - Bottom);

        var svg = new StringBuilder($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(Title)}\">");
        foreach (var tick in yTicks)
            svg.Append($"<path class=\"grid\" d=\"M{Left} {At(Y(tick))}H{Width - Right}\"/><text class=\"tick\" x=\"{Left - 8}\" y=\"{At(Y(tick) + 4)}\" text-anchor=\"end\">{Ticks.Text(tick)}</text>");
        foreach (var tick in Ticks.Around(xLo, xHi, Width / 120).Where(tick => tick >= xLo && tick <= xHi && tick == Math.Floor(tick)))
            svg.Append($"<text class=\"tick\" x=\"{At(X(tick))}\" y=\"{Height - 8}\" text-anchor=\"middle\">{tick.ToString("N0", CultureInfo.InvariantCulture)}</text>");
        foreach (var line in shown)
        {
            svg.Append($"<polyline class=\"line {line.Style}\" points=\"{string.Join(' ', line.Points.Select(point => $"{At(X(point.X))},{At(Y(point.Y))}"))}\"/>");
            foreach (var (x, y) in line.HasDots ? line.Points : [])
                svg.Append($"<circle class=\"dot {line.Style}\" cx=\"{At(X(x))}\" cy=\"{At(Y(y))}\" r=\"3.5\"/>");
        }
        return svg.Append(Readings(shown, X)).Append("</svg>").ToString();
    }

    // Columns over the whole height, each with what a reader would want to know there: the browser's own tooltip, without a script.
    string Readings(List<Series> shown, Func<double, double> x)
    {
        var longest = shown.MaxBy(line => line.Points.Count)!.Points;
        var every = Math.Max(1, (longest.Count + ColumnsMax - 1) / ColumnsMax);
        var columns = longest.Where((_, i) => i % every == 0).Select(point => point.X).ToList();
        var width = Math.Max(1, (Width - Left - Right) / (double)Math.Max(1, columns.Count));
        var html = new StringBuilder();
        foreach (var at in columns)
        {
            var values = shown.Where(line => line.Name.Length > 0).Select(line => $"{line.Name} {Ticks.Text(line.Points.MinBy(point => Math.Abs(point.X - at)).Y)}");
            html.Append($"<rect class=\"reading\" x=\"{At(x(at) - width / 2)}\" y=\"{Top}\" width=\"{At(width)}\" height=\"{Height - Top - Bottom}\">"
                + $"<title>{WebUtility.HtmlEncode($"step {at:0}\n{string.Join('\n', values)}")}</title></rect>");
        }
        return html.ToString();
    }

    /// <summary>At most <paramref name="most"/> points, each the mean of its neighbours: a million steps are no better seen than a thousand.</summary>
    public static IReadOnlyList<(double X, double Y)> Thinned(IReadOnlyList<(double X, double Y)> points, int most)
    {
        var every = (points.Count + most - 1) / most;
        return every <= 1 ? points : [.. points.Chunk(every).Select(part => (part[^1].X, part.Average(point => point.Y)))];
    }

    /// <summary>The line through a noisy one: each point the mean of those around it, over a twentieth of the run.</summary>
    public static IReadOnlyList<(double X, double Y)> Smoothed(IReadOnlyList<(double X, double Y)> points)
    {
        var reach = Math.Max(1, points.Count / 40);
        var sums = new double[points.Count + 1];
        for (var i = 0; i < points.Count; i++)
            sums[i + 1] = sums[i] + points[i].Y;
        return [.. points.Select((point, i) =>
        {
            var near = Math.Min(reach, Math.Min(i, points.Count - 1 - i));      // as far as both sides go, or the ends would bend
            return (point.X, (sums[i + near + 1] - sums[i - near]) / (2 * near + 1));
        })];
    }

    static string At(double number) => number.ToString("0.#", CultureInfo.InvariantCulture);
}
