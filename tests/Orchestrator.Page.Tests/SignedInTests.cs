using System.Net;
using Microsoft.Playwright;
using Orchestrator.Api.V1;

namespace Orchestrator.Page.Tests;

/// <summary>Who may see and do what on the page of a server that asks.</summary>
[Collection(OnePage.Name)]
public sealed class SignedInTests(SecuredServer there)
{
    static readonly string[] pages = ["/", "/queue", "/cluster", "/submit", "/jobs/team/of-team"];

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static async Task SignsIn(Visit visit, string token)
    {
        await visit.Goes("/");
        await visit.Page.GetByLabel("Token").FillAsync(token);
        await visit.Presses("Sign in");
        await visit.Page.WaitForURLAsync("**/");
    }

    [Fact]
    public async Task Whoever_is_not_signed_in_is_asked_on_every_page_and_comes_back_to_where_he_wanted_to_go()
    {
        await using var visit = await there.Visit();
        foreach (var page in pages)
        {
            await visit.Goes(page);
            await visit.Sees(visit.Page.GetByLabel("Token"));
            Assert.DoesNotContain("of-", (await visit.Page.InnerTextAsync("body")), StringComparison.Ordinal);
        }
        await visit.Page.GetByLabel("Token").FillAsync("orc_nonsense");
        await visit.Presses("Sign in");
        await visit.Sees("worth nothing");
        await visit.IsAccessible("sign-in");
        await visit.Draw("sign-in-light");
        await visit.Page.GetByLabel("Token").FillAsync((await there.Token("team", Role.Viewer)).Secret);
        await visit.Presses("Sign in");
        await visit.Page.WaitForURLAsync("**/jobs/team/of-team");
        await visit.Sees(visit.Page.GetByRole(AriaRole.Heading, new() { Name = "of-team" }));
        visit.WasSmooth();
    }

    [Fact]
    public async Task The_cookie_is_for_no_script_and_no_other_site_and_says_nothing_of_the_token()
    {
        await using var visit = await there.Visit();
        var token = (await there.Token("team", Role.Viewer)).Secret;
        await SignsIn(visit, token);
        var cookie = Assert.Single(await visit.Cookies, cookie => cookie.Name == "orchestrator");
        Assert.Equal((true, true, SameSiteAttribute.Strict), (cookie.HttpOnly, cookie.Secure, cookie.SameSite));
        Assert.DoesNotContain(token[^20..], cookie.Value, StringComparison.Ordinal);
        await visit.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Sign out") }).ClickAsync();
        await visit.Sees(visit.Page.GetByLabel("Token"));
        Assert.DoesNotContain(await visit.Cookies, cookie => cookie.Name == "orchestrator");
    }

    [Fact]
    public async Task A_viewer_has_no_button_that_changes_anything_and_sees_no_other_namespace()
    {
        await using var visit = await there.Visit();
        await SignsIn(visit, (await there.Token("team", Role.Viewer)).Secret);
        await visit.Sees(visit.Page.GetByRole(AriaRole.Link, new() { Name = "of-team" }));
        Assert.DoesNotContain("lab", await visit.Page.InnerTextAsync("body"), StringComparison.Ordinal);
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "New job" })).ToHaveCountAsync(0);
        await visit.Page.GetByRole(AriaRole.Link, new() { Name = "of-team" }).ClickAsync();
        await visit.Sees(visit.Page.Locator(".phase.queued"));
        foreach (var action in new[] { "Scale", "Suspend", "Cancel", "Delete" })
            await Assertions.Expect(visit.Page.GetByRole(AriaRole.Button, new() { Name = action })).ToHaveCountAsync(0);
        await visit.Goes("/cluster");
        await visit.Sees(visit.Page.GetByRole(AriaRole.Heading, new() { Name = "a", Exact = true }));
        await visit.Goes("/jobs/lab/of-lab");
        await visit.Sees("this token does not allow that");
    }

    [Fact]
    public async Task An_editor_submits_and_cancels_in_his_namespace_and_administrators_alone_have_servers_to_drain()
    {
        await using var visit = await there.Visit();
        await SignsIn(visit, (await there.Token("team", Role.Editor)).Secret);
        await visit.Goes("/submit");
        Assert.Equal(["team"], await visit.Page.GetByLabel("Namespace").Locator("option").AllInnerTextsAsync());
        await visit.Page.GetByLabel("Spec, YAML or JSON").FillAsync("name: mine\ndata:\n  path: /etc/passwd\n");
        await visit.Sees("line 3");
        await visit.Goes("/jobs/team/of-team");
        await visit.Presses("Suspend");
        await visit.Sees(visit.Page.Locator(".phase.suspended"));
        await visit.Presses("Resume");
        await visit.Sees(visit.Page.Locator(".phase.queued"));
        await visit.Goes("/cluster");
        await visit.Sees(visit.Page.GetByRole(AriaRole.Heading, new() { Name = "a", Exact = true }));
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Button, new() { Name = "Drain" })).ToHaveCountAsync(0);

        await using var admin = await there.Visit();
        await SignsIn(admin, SecuredServer.Admin);
        await admin.Sees(admin.Page.GetByRole(AriaRole.Link, new() { Name = "of-lab" }));
        await admin.Goes("/cluster");
        await admin.Sees(admin.Page.GetByRole(AriaRole.Button, new() { Name = "Drain" }));
    }

    [Fact]
    public async Task A_token_that_is_revoked_is_worth_nothing_on_a_page_that_is_open()
    {
        await using var visit = await there.Visit();
        var token = await there.Token("team", Role.Editor);
        await SignsIn(visit, token.Secret);
        await visit.Goes("/jobs/team/of-team");
        await visit.Sees(visit.Page.Locator(".phase.queued"));
        await there.Tokens.RevokeAsync(new TokenRequest { Id = token.Token.Id }, cancellationToken: Stop);
        await visit.Presses("Suspend");
        await visit.Sees("a token is needed that is valid");
        await visit.Goes("/");
        await visit.Sees(visit.Page.GetByLabel("Token"));
    }

    [Fact]
    public async Task The_cookie_changes_nothing_over_the_api_and_forms_and_sockets_of_other_sites_are_refused()
    {
        await using var visit = await there.Visit();
        await SignsIn(visit, SecuredServer.Admin);
        var kept = string.Join("; ", (await visit.Cookies).Select(cookie => $"{cookie.Name}={cookie.Value}"));
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false, SslOptions = there.Trusting }) { BaseAddress = there.Server.Http };
        Assert.Equal(HttpStatusCode.OK, await Asks(HttpMethod.Get, "/"));
        Assert.Equal(HttpStatusCode.NotFound, await Asks(HttpMethod.Get, "/v1/jobs/of-team/files/adapter.safetensors?namespace=team"));
        Assert.Equal(HttpStatusCode.Unauthorized, await Asks(HttpMethod.Get, "/v1/jobs"));
        Assert.Equal(HttpStatusCode.Unauthorized, await Asks(HttpMethod.Post, "/v1/jobs/of-team:cancel?namespace=team"));
        Assert.Equal(HttpStatusCode.Unauthorized, await Asks(HttpMethod.Delete, "/v1/jobs/of-team?namespace=team"));
        Assert.Equal(HttpStatusCode.BadRequest, await Asks(HttpMethod.Post, "/sign-in", new FormUrlEncodedContent(new Dictionary<string, string> { ["token"] = SecuredServer.Admin })));
        Assert.Equal(HttpStatusCode.BadRequest, await Asks(HttpMethod.Post, "/sign-out", new FormUrlEncodedContent(new Dictionary<string, string>())));
        Assert.Equal(HttpStatusCode.Forbidden, await Asks(HttpMethod.Post, "/_blazor/negotiate?negotiateVersion=1", origin: "https://elsewhere.test"));

        async Task<HttpStatusCode> Asks(HttpMethod method, string path, HttpContent? content = null, string? origin = null)
        {
            using var request = new HttpRequestMessage(method, path) { Content = content };
            request.Headers.Add("cookie", kept);
            if (origin is not null)
                request.Headers.Add("origin", origin);
            using var answer = await http.SendAsync(request, Stop);
            return answer.StatusCode;
        }
    }
}
