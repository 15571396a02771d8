using System.Text.RegularExpressions;
using System.Xml.Linq;
using Orchestrator.Cli.Report;

namespace Orchestrator.Cli.Tests.Report;

public partial class ReportPageTests
{
    [Fact]
    public void The_page_is_one_file_that_asks_the_network_for_nothing()
    {
        var html = ReportPage.Html(ExampleRun.Report());
        Assert.DoesNotMatch(@"(src|href)\s*=|url\(|@import|<script|https?://", html);
        if (Environment.GetEnvironmentVariable("REPORT_EXAMPLE") is { Length: > 0 } path)
            ReportPage.Write(path, ExampleRun.Report());
    }

    [Fact]
    public void Whatever_was_asked_and_answered_is_text_and_never_markup()
    {
        var run = ExampleRun.Report(10) with { Job = "<b>&", Answers = [new("<img>", "<i>", "\"x\"", "<script>alert(1)</script>", "</table>")] };
        var html = ReportPage.Html(run);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_chart_is_well_formed_and_holds_no_number_that_is_none()
    {
        var svgs = Svg().Matches(ReportPage.Html(ExampleRun.Report()));
        Assert.Equal(5, svgs.Count);
        Assert.All(svgs, svg =>
        {
            XElement.Parse(svg.Value);
            Assert.DoesNotContain("NaN", svg.Value, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_run_that_has_hardly_begun_has_a_report_too(int steps)
        => Assert.DoesNotContain("NaN", ReportPage.Html(new RunReport { Job = "new", Summary = "", Steps = [.. ExampleRun.Report(10).Steps.Take(steps)] }), StringComparison.Ordinal);

    [Fact]
    public void A_loss_that_is_no_number_is_left_out_of_the_line()
        => Assert.DoesNotContain(">NaN<", Svg().Match(ReportPage.Html(ExampleRun.Report(10) with { Steps = [new(1, 2, 0, 1), new(2, double.NaN, 0, 1), new(3, 1, 0, 1)] })).Value, StringComparison.Ordinal);

    [Fact]
    public void A_million_steps_make_no_larger_page_than_a_thousand()
        => Assert.InRange(ReportPage.Html(ExampleRun.Report(100_000)).Length, 0, 400_000);

    [Fact]
    public void A_smooth_line_stays_as_it_is()
    {
        (double, double)[] line = [.. Enumerable.Range(0, 200).Select(i => ((double)i, 3.0 - i * 0.01))];
        Assert.All(LineChart.Smoothed(line).Zip(line), pair => Assert.Equal(pair.Second.Item2, pair.First.Y, 1e-9));
    }

    [GeneratedRegex("<svg.*?</svg>", RegexOptions.Singleline)]
    private static partial Regex Svg();
}
