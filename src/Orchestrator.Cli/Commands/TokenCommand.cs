using System.CommandLine;
using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Orchestrator.Api.V1;
using Orchestrator.Cli.Cluster;

namespace Orchestrator.Cli.Commands;

/// <summary><c>token</c>: what callers of a cluster that asks who they are bring.</summary>
sealed class TokenCommand : Command, IVerb
{
    public TokenCommand() : base("token", "Make, list and revoke the tokens of a cluster that asks its callers who they are.")
    {
        Add(new TokenCreateCommand());
        Add(new TokenListCommand());
        Add(new TokenRevokeCommand());
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Examples { get; } =
        ["orchestrator token create ci --role editor --namespace vision --days 30", "orchestrator token list", "orchestrator token revoke 0123456789abcdef"];
}

/// <summary>What the command line of <c>token create</c> says.</summary>
sealed record TokenWish(string Name, Role Role, int Days, bool IsForAll);

/// <summary><c>token create</c>: the token is all of standard output, so that it can go where it is kept.</summary>
sealed class TokenCreateCommand : ServerVerb<TokenWish>
{
    const int DaysUsual = 90;
    static readonly Dictionary<string, Role> roles = new() { ["viewer"] = Role.Viewer, ["editor"] = Role.Editor, ["admin"] = Role.Admin };

    readonly Argument<string> name = new("NAME") { Description = "What it is for." };
    readonly Option<string> role = new("--role") { HelpName = "ROLE", Required = true, Description = "viewer: sees jobs; editor: submits and ends them; admin: gives others tokens." };
    readonly Option<int?> days = new("--days") { HelpName = "N", Description = "How long it is worth something, 1 to 366; 90 by default." };
    readonly Option<bool> all = new("--all-namespaces", "-A") { Description = "For every namespace." };

    public TokenCreateCommand() : base("create", "Make a token; it is shown this once.")
    {
        role.AcceptOnlyFromAmong([.. roles.Keys]);
        days.Validators.Add(OptionRange.Of(days, 1, 366));
        Add(name);
        Add(role);
        Add(days);
        Add(all);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator token create ci --role editor > token", "ORCHESTRATOR_TOKEN=$(cat token) orchestrator list"];

    /// <inheritdoc/>
    protected override TokenWish ReadRequest(ParseResult parsed) => new(parsed.GetRequiredValue(name), roles[parsed.GetRequiredValue(role)], parsed.GetValue(days) ?? DaysUsual, parsed.GetValue(all));

    /// <inheritdoc/>
    protected override async Task<int> Run(TokenWish request, Connection cluster, Output output, CancellationToken stop)
    {
        var wish = new CreateTokenRequest
        {
            Name = request.Name, Namespace = request.IsForAll ? "*" : cluster.Space, Role = request.Role, Lifetime = Duration.FromTimeSpan(TimeSpan.FromDays(request.Days)),
        };
        var made = await cluster.Ask((way, options) => new Tokens.TokensClient(way).CreateAsync(wish, options), stop);
        if (output.IsJson)
            output.JsonLine(new { made.Token.Id, made.Token.Name, made.Token.Namespace, made.Token.Role, Expires = made.Token.Expires.ToDateTimeOffset(), made.Secret });
        else
            output.Line(made.Secret);
        return ExitCodes.Done;
    }
}

/// <summary><c>token list</c>: the tokens of the namespaces whose administrator the user is.</summary>
sealed class TokenListCommand() : ServerVerb<bool>("list", "List tokens, without what makes them worth something.", hasNamespace: false)
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator token list --json | jq -r .id"];

    /// <inheritdoc/>
    protected override bool ReadRequest(ParseResult parsed) => true;

    /// <inheritdoc/>
    protected override async Task<int> Run(bool request, Connection cluster, Output output, CancellationToken stop)
    {
        var tokens = (await cluster.Ask((way, options) => new Tokens.TokensClient(way).ListAsync(new ListTokensRequest(), options), stop)).Tokens;
        if (output.IsJson)
        {
            foreach (var token in tokens)
                output.JsonLine(new { token.Id, token.Name, token.Namespace, token.Role, Created = token.Created.ToDateTimeOffset(), Expires = token.Expires.ToDateTimeOffset(), token.CreatedBy });
        }
        else if (tokens.Count == 0)
            output.Line("no tokens");
        else
            output.Table(["id", "name", "namespace", "role", "expires"], tokens.Select(token => new[] { token.Id, token.Name, token.Namespace, $"{token.Role}".ToLowerInvariant(), Day(token.Expires) }));
        return ExitCodes.Done;
    }

    static string Day(Timestamp time) => time.ToDateTimeOffset().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}

/// <summary><c>token revoke</c>: from the next call on a token is worth nothing.</summary>
sealed class TokenRevokeCommand : ServerVerb<string>
{
    readonly Argument<string> id = new("ID") { Description = "The token, by the id that list shows." };

    public TokenRevokeCommand() : base("revoke", "Make a token worthless from the next call on.", hasNamespace: false) => Add(id);

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["orchestrator token revoke 0123456789abcdef"];

    /// <inheritdoc/>
    protected override string ReadRequest(ParseResult parsed) => parsed.GetRequiredValue(id);

    /// <inheritdoc/>
    protected override async Task<int> Run(string request, Connection cluster, Output output, CancellationToken stop)
    {
        await cluster.Ask((way, options) => new Tokens.TokensClient(way).RevokeAsync(new TokenRequest { Id = request }, options), stop);
        output.Line($"{request} is worth nothing any more");
        return ExitCodes.Done;
    }
}
