using System.Globalization;
using Microsoft.Playwright;
using Orchestrator.Api.V1;
using File = System.IO.File;

namespace Orchestrator.Page.Tests;

/// <summary>Jobs as a person sees them, in a real browser, while they train.</summary>
[Collection(OnePage.Name)]
public sealed class JobsOnThePageTests(OpenServer there)
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_that_is_submitted_scaled_and_watched_on_the_page_ends_there_with_the_digest_that_the_api_tells()
    {
        await there.Quiet();
        await using var visit = await there.Visit();
        var page = visit.Page;
        await visit.Goes("/");
        await page.GetByRole(AriaRole.Link, new() { Name = "New job" }).ClickAsync();
        await page.GetByLabel("Spec, YAML or JSON").FillAsync(there.Spec("seen", epochs: 5));
        await visit.Sees("Nothing is wrong");
        await visit.Presses("Submit");

        await page.WaitForURLAsync("**/jobs/default/seen");
        await Shows("step", step => step >= 3);
        await page.GetByLabel("Workers", new() { Exact = true }).Locator("visible=true").And(page.Locator("input")).FillAsync("2");
        await visit.Presses("Scale");
        await Shows("workers", workers => workers == 2);
        await Shows("step", step => step >= 22);
        await visit.Sees(page.GetByRole(AriaRole.Figure, new() { NameRegex = new("^Loss: training from .* validation from .*") }));
        await visit.Sees(page.GetByRole(AriaRole.Figure, new() { NameRegex = new("^Workers over time: gpu-1.0 .*gpu-1.1 .*training") }));
        await visit.Draw("job-light");
        var digest = page.Locator("[data-test=digest]");
        await visit.Sees(digest);

        var told = await there.Jobs.GetAsync(new JobRequest { Name = "seen" }, cancellationToken: Stop);
        Assert.Equal((Phase.Completed, told.AdapterSha256), (told.Phase, await digest.InnerTextAsync()));
        var waits = page.WaitForDownloadAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "adapter.safetensors", Exact = true }).ClickAsync();
        await using var adapter = File.OpenRead(await (await waits).PathAsync());
        Assert.Equal(told.AdapterSha256, Convert.ToHexStringLower(await System.Security.Cryptography.SHA256.HashDataAsync(adapter, Stop)));
        await visit.Sees("is on disk");
        visit.WasSmooth();

        async Task Shows(string what, Func<int, bool> isSo)
        {
            var number = page.Locator($"[data-test={what}]");
            await Harness.Eventually.Holds(async () => isSo(int.Parse(await number.InnerTextAsync(), NumberStyles.AllowThousands, CultureInfo.InvariantCulture)), TimeSpan.FromSeconds(60), $"the page shows another {what}", () => there.Server.Log);
        }
    }

    [Fact]
    public async Task A_spec_is_read_while_it_is_typed_and_every_problem_leads_to_its_line()
    {
        await using var visit = await there.Visit();
        await visit.Goes("/submit");
        var spec = visit.Page.GetByLabel("Spec, YAML or JSON");
        await spec.FillAsync(there.Spec("typed").Replace("epochs:", "epoch:", StringComparison.Ordinal).Replace("learningRate: 0.01", "learningRate: much", StringComparison.Ordinal));
        await visit.Sees("2 problems");
        await visit.Sees("did you mean training.epochs?");
        await visit.Draw("submit-light");
        await visit.Presses("line 14");
        Assert.Equal("  learningRate: much", await spec.EvaluateAsync<string>("area => area.value.slice(area.selectionStart, area.selectionEnd)"));
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Button, new() { Name = "Submit" })).ToBeDisabledAsync();
        await spec.FillAsync(there.Spec("typed"));
        await visit.Sees("Nothing is wrong");
        visit.WasSmooth();
    }

    [Fact]
    public async Task A_job_is_suspended_resumed_cancelled_and_deleted_and_the_list_follows_without_being_loaded_again()
    {
        await there.Quiet();
        await there.Submitted("long", epochs: 20_000);
        await using var list = await there.Visit();
        await list.Goes("/");
        var row = list.Page.GetByRole(AriaRole.Row, new() { NameRegex = new("^long") });
        await list.Sees(row.GetByText("running"));
        await using var visit = await there.Visit();
        await visit.Goes("/jobs/default/long");
        await visit.Presses("Suspend");
        await visit.Sees(visit.Page.Locator(".phase.suspended"));
        await list.Sees(row.GetByText("suspended"));
        await visit.Presses("Resume");
        await list.Sees(row.GetByText("running"));
        await visit.Presses("Cancel");
        await visit.Presses("Cancel the job");
        await list.Sees(row.GetByText("cancelled"));
        await visit.Presses("Delete");
        await visit.Presses("Delete for good");
        await Assertions.Expect(row).ToHaveCountAsync(0, new() { Timeout = 60_000 });
        await visit.Goes("/jobs/default/long");
        await visit.Sees("a job that was submitted expected");
        list.WasSmooth();
        visit.WasSmooth();
    }

    [Fact]
    public async Task The_cluster_shows_who_works_on_what_and_the_queue_why_a_job_waits()
    {
        await there.Quiet();
        await there.Submitted("works", epochs: 20_000, workers: 2);
        await there.Submitted("waits", epochs: 1, workers: 2);
        await using var visit = await there.Visit();
        await visit.Goes("/cluster");
        await Assertions.Expect(visit.Page.Locator("[data-test=busy]")).ToHaveTextAsync("2", new() { Timeout = 60_000 });
        await visit.Sees(visit.Page.GetByRole(AriaRole.Link, new() { Name = "default/works" }).First);
        await visit.Draw("cluster-light");
        await visit.Presses("Cordon");
        await visit.Sees(visit.Page.Locator(".phase", new() { HasText = "cordoned" }));
        await visit.Presses("Uncordon");
        await Assertions.Expect(visit.Page.Locator(".phase", new() { HasText = "cordoned" })).ToHaveCountAsync(0);
        await visit.Page.GetByRole(AriaRole.Link, new() { Name = "Queue" }).ClickAsync();
        await visit.Sees(visit.Page.GetByRole(AriaRole.Link, new() { Name = "waits" }));
        var why = (await there.Jobs.GetAsync(new JobRequest { Name = "waits" }, cancellationToken: Stop)).Reason;
        await visit.Sees(why);
        await visit.Draw("queue-light");
        await there.Jobs.CancelAsync(new JobRequest { Name = "waits" }, cancellationToken: Stop);
        await there.Jobs.CancelAsync(new JobRequest { Name = "works" }, cancellationToken: Stop);
        await visit.Sees("Nobody waits");
        visit.WasSmooth();
    }
}
