using Microsoft.Playwright;
using Orchestrator.Api.V1;

namespace Orchestrator.Page.Tests;

/// <summary>The page in light and dark, on a desk and on a telephone, for those who cannot see it and those who use no mouse.</summary>
[Collection(OnePage.Name)]
public sealed class EverybodysPageTests(OpenServer there)
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_page_is_accessible_and_fits_its_window_in_light_and_dark_on_a_desk_and_on_a_telephone()
    {
        await there.Quiet();
        await there.Submitted("story", epochs: 2, workers: 2);
        await there.Submitted("tale", epochs: 20_000, workers: 2, space: "team");
        await there.Submitted("patient", epochs: 1, workers: 2);
        await Harness.Eventually.Holds(async () => (await there.Jobs.GetAsync(new JobRequest { Name = "story" }, cancellationToken: Stop)).Phase == Phase.Completed, TimeSpan.FromSeconds(60), "story is over", () => there.Server.Log);
        await Harness.Eventually.Holds(async () => (await there.Jobs.GetAsync(new JobRequest { Namespace = "team", Name = "tale" }, cancellationToken: Stop)).Step > 42, TimeSpan.FromSeconds(60), "tale has begun", () => there.Server.Log);
        foreach (var (isDark, isPhone, look) in new[] { (false, false, "light"), (true, false, "dark"), (false, true, "phone") })
        {
            await using var visit = await there.Visit(isDark, isPhone);
            foreach (var (path, name, landmark) in new[] { ("/", "jobs", "table.jobs tbody tr"), ("/jobs/default/story", "story", "[data-test=digest]"), ("/jobs/team/tale", "tale", ".phase.running"), ("/cluster", "cluster", ".slots .busy"), ("/queue", "queue", ".queue li"), ("/submit", "submit", ".problems li") })
            {
                if (isDark && name is not ("jobs" or "story" or "submit"))      // the same parts in the same colours
                    continue;
                await visit.Goes(path);
                await visit.Sees(visit.Page.Locator(landmark).First);
                await visit.Fits($"{name}, {look}");
                if (!isPhone)
                    await visit.IsAccessible($"{name}, {look}");
                await visit.Draw($"{name}-{look}");
                await visit.Draw($"{name}-{look}-top", whole: false);
            }
            visit.WasSmooth();
        }
    }

    [Fact]
    public async Task Without_a_mouse_one_comes_from_the_list_to_a_job_and_changes_light_to_dark()
    {
        await there.Quiet();
        await there.Submitted("keys", epochs: 1);
        await using var visit = await there.Visit();
        await visit.Goes("/");
        await visit.Sees(visit.Page.GetByRole(AriaRole.Link, new() { Name = "keys" }));
        await TabsTo("Light or dark");
        await visit.Page.Keyboard.PressAsync("Enter");
        Assert.Equal("dark", await visit.Page.EvaluateAsync<string>("document.documentElement.dataset.look"));
        await TabsTo("keys");
        await visit.Page.Keyboard.PressAsync("Enter");
        await visit.Page.WaitForURLAsync("**/jobs/default/keys");
        await visit.Page.ReloadAsync();
        Assert.Equal("dark", await visit.Page.EvaluateAsync<string>("document.documentElement.dataset.look"));
        visit.WasSmooth();

        async Task TabsTo(string name)
        {
            for (var presses = 0; presses < 40; presses++)
            {
                await visit.Page.Keyboard.PressAsync("Tab");
                if (await visit.Page.EvaluateAsync<string>("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()") == name)
                    return;
            }
            Assert.Fail($"the keyboard does not reach {name}");
        }
    }
}
