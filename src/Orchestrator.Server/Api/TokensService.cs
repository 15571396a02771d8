using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Orchestrator.Api.V1;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;
using Orchestrator.Server.Security;
using Role = Orchestrator.Api.V1.Role;

namespace Orchestrator.Server.Api;

/// <summary>The service <c>Tokens</c>.</summary>
sealed class TokensService(TokenStore tokens, Door door) : Tokens.TokensBase
{
    static readonly TimeSpan lifetimeMin = TimeSpan.FromMinutes(1);
    static readonly TimeSpan lifetimeMax = TimeSpan.FromDays(366);
    static readonly TimeSpan lifetimeUsual = TimeSpan.FromDays(90);

    /// <inheritdoc/>
    public override Task<CreatedToken> Create(CreateTokenRequest request, ServerCallContext context)
    {
        List<Problem> problems = [];
        if (!JobName.TryParse(request.Name, out _))
            problems.Add(new Problem("name", $"'{request.Name}'", JobName.Rule));
        if (request.Namespace is { Length: > 0 } and not Caller.AllSpaces && !JobName.TryParse(request.Namespace, out _))
            problems.Add(new Problem("namespace", $"'{request.Namespace}'", $"{JobName.Rule}, or {Caller.AllSpaces}"));
        if (request.Role == Role.Unspecified || !System.Enum.IsDefined(request.Role))
            problems.Add(new Problem("role", $"{request.Role}", "VIEWER, EDITOR or ADMIN"));
        var seconds = request.Lifetime?.Seconds ?? (long)lifetimeUsual.TotalSeconds;
        if (seconds < lifetimeMin.TotalSeconds || seconds > lifetimeMax.TotalSeconds)
            problems.Add(new Problem("lifetime", $"{seconds} s", $"{lifetimeMin.TotalSeconds} to {lifetimeMax.TotalSeconds} s"));
        if (problems.Count > 0)
            throw new ProblemException(problems);
        var (record, token) = tokens.Create(request.Name, AccessInterceptor.SpaceOf(request.Namespace), (Security.Role)(int)request.Role, TimeSpan.FromSeconds(seconds), Who(context).Name);
        return Task.FromResult(new CreatedToken { Token = Mapped(record), Secret = token });
    }

    /// <inheritdoc/>
    public override Task<ListTokensResponse> List(ListTokensRequest request, ServerCallContext context)
    {
        var answer = new ListTokensResponse();
        answer.Tokens.Add(tokens.List().Where(token => Who(context).May(Security.Role.Admin, token.Space)).Select(Mapped));
        return Task.FromResult(answer);
    }

    /// <inheritdoc/>
    public override Task<RevokeTokenResponse> Revoke(TokenRequest request, ServerCallContext context)
    {
        if (tokens.Find(request.Id) is { } token && Who(context).May(Security.Role.Admin, token.Space))
            tokens.Revoke(token);
        return Task.FromResult(new RevokeTokenResponse());      // that it is not there, or not his, is the same to him
    }

    Caller Who(ServerCallContext context) => door.Known(context.GetHttpContext()) ?? throw new RpcException(new Status(StatusCode.Unauthenticated, AccessInterceptor.WhoAreYou));

    static Token Mapped(TokenRecord token) => new()
    {
        Id = token.Id, Name = token.Name, Namespace = token.Space, Role = (Role)(int)token.Role, CreatedBy = token.By,
        Created = Timestamp.FromDateTimeOffset(token.Created), Expires = Timestamp.FromDateTimeOffset(token.Expires),
    };
}
