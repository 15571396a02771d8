using System.Collections.Concurrent;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Orchestrator.Page.Tests;

/// <summary>Somebody who looks at the page, and what went wrong for him.</summary>
public sealed class Visit : IAsyncDisposable
{
    const float PatienceMilliseconds = 60_000;

    readonly IBrowserContext context;
    readonly ConcurrentQueue<string> wrong = [];

    internal Visit(IBrowserContext context, IPage page, Uri server)
    {
        (this.context, Page) = (context, page);
        page.SetDefaultTimeout(PatienceMilliseconds);
        page.Request += (_, request) =>
        {
            if (new Uri(request.Url) is { Scheme: not "data" } asked && asked.Authority != server.Authority)
                wrong.Enqueue($"asks elsewhere: {request.Url}");
        };
        page.Console += (_, said) =>
        {
            if (said.Type == "error")
                wrong.Enqueue($"console: {said.Text}");
        };
        page.PageError += (_, error) => wrong.Enqueue($"script: {error}");
    }

    /// <summary>What is looked at.</summary>
    public IPage Page { get; }

    /// <summary>The profile's cookies.</summary>
    public Task<IReadOnlyList<BrowserContextCookiesResult>> Cookies => Kept();

    async Task<IReadOnlyList<BrowserContextCookiesResult>> Kept() => await context.CookiesAsync();

    /// <summary>Goes there, until it is drawn and live.</summary>
    public async Task Goes(string path)
    {
        await Page.GotoAsync(path);
        await Page.Locator("h1").WaitForAsync();
    }

    /// <summary>Waits until there is such a thing to see.</summary>
    public Task Sees(ILocator what) => Assertions.Expect(what).ToBeVisibleAsync(new() { Timeout = PatienceMilliseconds });

    /// <summary>Waits until a text is to be seen.</summary>
    public Task Sees(string text) => Sees(Page.GetByText(text).First);

    /// <summary>Presses a button.</summary>
    public Task Presses(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true }).ClickAsync();

    /// <summary>What somebody who cannot see, or uses no mouse, would stumble over.</summary>
    public async Task IsAccessible(string what)
    {
        var found = await Page.RunAxe(new AxeRunOptions { RunOnly = new RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } });
        Assert.True(found.Violations.Length == 0, what + Environment.NewLine + string.Join(Environment.NewLine, found.Violations.SelectMany(rule => rule.Nodes.Take(4).Select(node => $"{rule.Id}: {rule.Help}: {node.Html}"))));
    }

    /// <summary>Whether it fits its window.</summary>
    public async Task Fits(string what)
    {
        var (wide, window) = (await Page.EvaluateAsync<int>("document.documentElement.scrollWidth"), await Page.EvaluateAsync<int>("document.documentElement.clientWidth"));
        Assert.True(wide <= window, $"{what} is {wide} wide in a window of {window}");
    }

    /// <summary>Keeps a picture where <c>ORCHESTRATOR_PICTURES</c> says a folder.</summary>
    public async Task Draw(string name, bool whole = true)
    {
        if (Environment.GetEnvironmentVariable("ORCHESTRATOR_PICTURES") is { Length: > 0 } folder)
            await Page.ScreenshotAsync(new() { Path = Path.Combine(folder, name + ".png"), FullPage = whole });
    }

    /// <summary>Nothing went wrong so far, but what was expected to.</summary>
    public void WasSmooth(params string[] expected) => Assert.DoesNotContain(wrong, one => !expected.Any(part => one.Contains(part, StringComparison.Ordinal)));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await context.DisposeAsync();
}
