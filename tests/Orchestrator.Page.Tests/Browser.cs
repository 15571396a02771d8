using Microsoft.Playwright;

namespace Orchestrator.Page.Tests;

/// <summary>A Chromium of the system's, for all tests; a test has a profile of its own in it.</summary>
public sealed class Browser : IAsyncLifetime
{
    static readonly string[] places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    // Chromium may do nothing of its own on the network; as root it cannot have its sandbox.
    static readonly string[] flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

    IPlaywright? playwright;
    IBrowser? browser;

    /// <summary>Where Chromium is; null where it is not installed.</summary>
    public static string? Program => places.FirstOrDefault(File.Exists);

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(Program is null, "Chromium is not installed: apt-get install chromium");
        playwright = await Playwright.CreateAsync();
        browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Program, Args = flags });
    }

    /// <summary>A page in a profile of its own. What it asks of anybody but the server, or an error on its console, fails the test in <see cref="Visit"/>.</summary>
    public async Task<Visit> Open(Uri server, bool isDark = false, bool isPhone = false)
    {
        var context = await browser!.NewContextAsync(new()
        {
            BaseURL = server.ToString(),
            ColorScheme = isDark ? ColorScheme.Dark : ColorScheme.Light,
            ViewportSize = isPhone ? new() { Width = 390, Height = 844 } : new() { Width = 1280, Height = 860 },
            HasTouch = isPhone,
            IgnoreHTTPSErrors = true,
        });
        return new Visit(context, await context.NewPageAsync(), server);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (browser is not null)
            await browser.DisposeAsync();
        playwright?.Dispose();
    }
}
