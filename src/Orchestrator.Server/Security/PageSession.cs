using System.Security.Claims;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Page.Live;

namespace Orchestrator.Server.Security;

/// <summary>
/// Signing in with a token: a browser keeps it, sealed, in a cookie that no script reads and no other site's page makes it send. Who it is, is looked at again with every call, so that a token that is
/// revoked is worth nothing here either.
/// </summary>
sealed class PageSession(Door door, IServiceProvider services)
{
    const string Cookie = "orchestrator";
    const string SignIn = "/sign-in";
    const int CookieCharactersMax = 24 << 10;

    // Where the server has no page, nobody keeps a cookie.
    readonly Lazy<IDataProtector?> seal = new(() => services.GetService<IDataProtectionProvider>()?.CreateProtector("orchestrator.token"));

    /// <summary>Where a browser is sent that has not said who it is, to come back afterwards.</summary>
    public static string SignInPath(HttpRequest request) => $"{SignIn}?to={Uri.EscapeDataString(request.Path + request.QueryString)}";

    /// <summary>Takes what a browser's cookie says for the call's token, and tells the page who calls.</summary>
    public async Task Present(HttpContext context)
    {
        if (Door.TokenOf(context) is null && Unsealed(context) is { } token)
            context.Request.Headers.Authorization = $"Bearer {token}";
        if (await door.Caller(context) is { } caller)
            context.User = Principal(caller, door.IsAsking ? Door.TokenOf(context) : null);
    }

    /// <summary>Maps signing in and out.</summary>
    public void Map(IEndpointRouteBuilder routes, int port)
    {
        routes.MapPost(SignIn, async ([FromForm] string token, [FromForm] string? to, HttpContext context) =>
        {
            var back = to is ['/', not ('/' or '\\'), ..] ? to : "/";
            if (await door.Caller(token.Trim(), context) is null)
                return Results.Redirect($"{SignIn}?wrong=1&to={Uri.EscapeDataString(back)}");
            context.Response.Cookies.Append(Cookie, seal.Value!.Protect(token.Trim()), Options(context));
            return Results.Redirect(back);
        }).OnPort(port);
        routes.MapPost("/sign-out", ([FromForm] string? to, HttpContext context) =>
        {
            context.Response.Cookies.Delete(Cookie, Options(context));
            return Results.Redirect(SignIn);
        }).OnPort(port);
    }

    static CookieOptions Options(HttpContext context) => new() { HttpOnly = true, SameSite = SameSiteMode.Strict, Secure = context.Request.IsHttps, Path = "/", IsEssential = true };

    string? Unsealed(HttpContext context)
    {
        if (!door.IsAsking || context.Request.Cookies[Cookie] is not { Length: <= CookieCharactersMax } kept)
            return null;
        try
        {
            return seal.Value?.Unprotect(kept);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    static ClaimsPrincipal Principal(Caller caller, string? token)
    {
        var identity = new ClaimsIdentity("token");
        identity.AddClaim(new Claim(ClaimTypes.Name, caller.Name));
        identity.AddClaims(caller.Roles.Select(role => new Claim(PageClaims.Role, $"{role.Key}:{role.Value.ToString().ToLowerInvariant()}")));
        if (token is not null)
            identity.AddClaim(new Claim(PageClaims.Token, token));
        return new ClaimsPrincipal(identity);
    }
}
