using System.Globalization;
using System.Text;

namespace Orchestrator.Cli.Report;

/// <summary>The gates as a map: a row per adapted layer, a column per head, the sign as a colour and the size as its strength.</summary>
static class GateMap
{
    const int Left = 34, Top = 4, Bottom = 24, WidthMax = 430, Gap = 2;

    /// <summary>The map with its title and scale.</summary>
    public static string Html(IReadOnlyList<ReportGates> gates)
    {
        var heads = gates.Max(layer => layer.Heads.Count);
        var largest = Math.Max(1e-9, gates.SelectMany(layer => layer.Heads).Max(Math.Abs));
        var width = Math.Clamp((WidthMax - Left) / heads, 4, 44);
        var height = Math.Clamp(260 / gates.Count, 6, 30);
        var (right, bottom) = (Left + heads * width, Top + gates.Count * height);

        var html = new StringBuilder("<figure><figcaption>Gates, tanh, per layer and head"
            + $"<span class=\"scale\">&minus;{Ticks.Text(largest)}<i></i>+{Ticks.Text(largest)}</span></figcaption>"
            + $"<svg class=\"gates\" viewBox=\"0 0 {Math.Max(right + 4, WidthMax)} {bottom + Bottom}\" role=\"img\" aria-label=\"gates per layer and head\">");
        var labelEvery = Math.Max(1, (gates.Count * 14 + 259) / 260);
        for (var row = 0; row < gates.Count; row++)
        {
            var y = bottom - (row + 1) * height;        // the lowest layer at the bottom, as networks are drawn
            if (row % labelEvery == 0)
                html.Append($"<text class=\"tick\" x=\"{Left - 8}\" y=\"{y + height / 2 + 4}\" text-anchor=\"end\">{gates[row].Layer}</text>");
            for (var head = 0; head < gates[row].Heads.Count; head++)
            {
                var gate = gates[row].Heads[head];
                html.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Left + head * width}\" y=\"{y}\" width=\"{width - Gap}\" height=\"{height - Gap}\" rx=\"2\" class=\"{(gate < 0 ? "below" : "above")}\"")
                    .Append(CultureInfo.InvariantCulture, $" fill-opacity=\"{0.06 + 0.94 * Math.Abs(gate) / largest:0.00}\"><title>layer {gates[row].Layer}, head {head}: {gate:+0.000;-0.000;0}</title></rect>");
            }
        }
        var headEvery = Math.Max(1, (24 + width - 1) / width);
        for (var head = 0; head < heads; head += headEvery)
            html.Append($"<text class=\"tick\" x=\"{Left + head * width + (width - Gap) / 2}\" y=\"{bottom + 16}\" text-anchor=\"middle\">{head}</text>");
        return html.Append("</svg></figure>").ToString();
    }
}
