using System.Text.RegularExpressions;
using Orchestrator.Engine.Telemetry;

namespace Orchestrator.Telemetry.Tests;

public sealed partial class CatalogueTests
{
    /// <summary>With <c>REWRITE_METRICS=1</c> the page is written anew.</summary>
    [Fact]
    public void The_page_of_the_metrics_is_that_of_the_catalogue()
    {
        var page = Repository.PathOf("helm/orchestrator/files/METRICS.md");
        if (Environment.GetEnvironmentVariable("REWRITE_METRICS") == "1")
            File.WriteAllText(page, Catalogue.Markdown());
        Assert.Equal(Catalogue.Markdown(), File.ReadAllText(page));
    }

    [Fact]
    public void Every_name_is_said_once_and_no_label_is_the_scrapers_own()
    {
        Assert.Equal(Catalogue.All.Count, Catalogue.All.Select(metric => metric.Series).Distinct().Count());
        Assert.DoesNotContain(Catalogue.All.SelectMany(metric => metric.Labels), label => label is "job" or "instance" or "namespace" or "pod" or "le");
        Assert.All(Catalogue.All, metric => Assert.EndsWith(".", metric.Description));
        Assert.All(Catalogue.All.Where(metric => metric.Kind == MetricKind.Histogram), metric => Assert.Equal(metric.Bounds!.Order(), metric.Bounds));
    }

    [Fact]
    public async Task A_host_that_trains_shows_what_the_catalogue_says_and_nothing_else_of_ours()
    {
        await using var host = await TrainingHost.Start();
        host.Metrics.QuarantinedAre(0);
        host.Metrics.QueueIs((2, TimeSpan.FromSeconds(9)));
        host.Metrics.JobStarted(TimeSpan.FromSeconds(3));
        host.Metrics.DatabaseIs(up: true);
        host.Metrics.Watch("server", () => 2_000_000_000);
        host.Metrics.Watch(() => [new DeviceReading("cuda:0", 1, 2, 99, 60)]);
        var job = await host.Submit("all", epochs: 5_000);
        await job.Offer(2);
        await job.Until(news => news.Checkpoint is not null);
        Assert.True(job.Kill(1));
        await job.Until(news => news.Step?.Generation.Number > 1);
        await Scraping.Until(host, text => text.Contains("cause=\"loss\"", StringComparison.Ordinal) && text.Contains("_worker_state{", StringComparison.Ordinal));
        var text = await host.Scrape();
        await job.Grain.Cancel();
        await job.Ends();

        var shown = Family().Matches(text).ToDictionary(match => match.Groups["name"].Value, match => match.Groups["kind"].Value);
        foreach (var metric in Catalogue.All)
        {
            Assert.True(shown.Remove(metric.Series, out var kind), $"{metric.Series} is not shown");
            Assert.Equal(metric.Kind.ToString().ToLowerInvariant(), kind);
            var lines = text.Split('\n').Where(line => line.StartsWith(metric.Series + (metric.Kind == MetricKind.Histogram ? "_count{" : "{"), StringComparison.Ordinal)).ToList();
            Assert.NotEmpty(lines);
            Assert.All(lines, line => Assert.Equal(metric.Labels.Order(), Label().Matches(line).Select(match => match.Groups[1].Value).Where(label => !label.StartsWith("otel_scope", StringComparison.Ordinal)).Order()));
        }
        Assert.DoesNotContain(shown.Keys, name => name.StartsWith("orchestrator_", StringComparison.Ordinal));
        Assert.Contains("orleans_", text, StringComparison.Ordinal);
        Assert.Contains("dotnet_", text, StringComparison.Ordinal);
        Assert.DoesNotMatch(Address(), text);
    }

    [GeneratedRegex("^# TYPE (?<name>\\S+) (?<kind>\\S+)$", RegexOptions.Multiline)]
    private static partial Regex Family();

    [GeneratedRegex("[{,]([a-z_]+)=\"")]
    private static partial Regex Label();

    [GeneratedRegex("127\\.0\\.0\\.1:\\d+")]
    private static partial Regex Address();
}
