using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Server.Security;

/// <summary>Finds out who makes a call: by the administrator's token, one of the cluster's, one of an OpenID Connect issuer, or one of a Kubernetes service account.</summary>
sealed class Door
{
    const string Scheme = "Bearer ";
    const int AdminTokenCharactersMin = 16;
    const int TokenCharactersMax = 16 << 10;

    static readonly object known = new();

    readonly SecurityOptions options;
    readonly TokenStore tokens;
    readonly ServiceAccounts? accounts;
    readonly string? admin;

    /// <exception cref="ProblemException">the administrator's token cannot be read, or is too short</exception>
    public Door(SecurityOptions options, TokenStore tokens, ServiceAccounts? accounts = null)
    {
        (this.options, this.tokens, this.accounts) = (options, tokens, accounts);
        if (options.AdminToken is not { Length: > 0 } file)
            return;
        try
        {
            var said = File.ReadAllText(file).Trim();
            admin = said.Length >= AdminTokenCharactersMin ? TokenStore.Digest(said)
                : throw new ProblemException("Security:AdminToken", $"{said.Length} characters in {file}", $"at least {AdminTokenCharactersMin}", "for example those of: openssl rand -hex 32");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException("Security:AdminToken", e.Message, "a file with the administrator's token");
        }
    }

    /// <summary>Whether callers must say who they are.</summary>
    public bool IsAsking => options.IsAsking;

    /// <summary>Who makes this call; null where that is not known. Asked again, it answers at once.</summary>
    /// <exception cref="Grains.UnavailableException">it cannot be found out just now</exception>
    public async ValueTask<Caller?> Caller(HttpContext context)
    {
        if (!IsAsking)
            return Security.Caller.Everybody;
        if (!context.Items.TryGetValue(known, out var caller))
            context.Items[known] = caller = TokenOf(context) is { } token ? await Bearer(token, context) : null;
        return (Caller?)caller;
    }

    /// <summary>Whose token this is; null where it is worth nothing.</summary>
    public async ValueTask<Caller?> Caller(string token, HttpContext context)
    {
        context.Request.Headers.Authorization = Scheme + token;
        return await Caller(context);
    }

    /// <summary>Who was found to make this call.</summary>
    public Caller? Known(HttpContext context) => IsAsking ? context.Items.TryGetValue(known, out var caller) ? (Caller?)caller : null : Security.Caller.Everybody;

    /// <summary>The token that a call brings; null where it brings none.</summary>
    public static string? TokenOf(HttpContext context)
        => context.Request.Headers.Authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && header.Length <= TokenCharactersMax ? header[Scheme.Length..].Trim() : null;

    async Task<Caller?> Bearer(string token, HttpContext context)
    {
        if (admin is not null && TokenStore.IsSame(admin, token))
            return new Caller("the administrator's token", new Dictionary<string, Role> { [Security.Caller.AllSpaces] = Role.Admin });
        if (token.StartsWith(TokenStore.Prefix, StringComparison.Ordinal))
            return tokens.Bearer(token);
        if (accounts?.MayBeOfOne(token) == true)
            return await accounts.Bearer(token);
        if (!options.Oidc.IsUsed || await context.AuthenticateAsync(JwtBearerDefaults.AuthenticationScheme) is not { Succeeded: true, Principal: { } principal })
            return null;
        var roles = new Dictionary<string, Role>();
        foreach (var claim in principal.FindAll(options.Oidc.RolesClaim))
            if (RoleOf(claim.Value) is (var space, var role))
                roles[space] = roles.GetValueOrDefault(space) > role ? roles[space] : role;
        return new Caller(Printable(principal.FindFirst("sub")?.Value ?? "somebody"), roles);
    }

    // NAMESPACE:ROLE. A role without a namespace is somebody else's: an issuer has many customers.
    static (string Space, Role Role)? RoleOf(string claim)
        => claim.Split(':') is [var space, var word] && (space == Security.Caller.AllSpaces || JobName.TryParse(space, out _)) && word is "viewer" or "editor" or "admin"
            ? (space, Enum.Parse<Role>(word, ignoreCase: true)) : null;

    static string Printable(string name)
    {
        var text = new StringBuilder();
        foreach (var letter in name.Take(64))
            text.Append(char.IsControl(letter) ? '?' : letter);
        return text.ToString();
    }
}
