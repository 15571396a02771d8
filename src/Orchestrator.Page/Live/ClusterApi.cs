using System.Security.Claims;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Components.Authorization;
using Orchestrator.Api.V1;

namespace Orchestrator.Page.Live;

/// <summary>The claims by which a server tells the page who is signed in.</summary>
public static class PageClaims
{
    /// <summary>The token that goes with every call; none where nobody is asked who he is.</summary>
    public const string Token = "token";

    /// <summary>A role, <c>NAMESPACE:ROLE</c>; <c>*</c> is every namespace.</summary>
    public const string Role = "role";
}

/// <summary>The API, as whoever looks at the page may call it.</summary>
public sealed class ClusterApi(GrpcChannel channel, AuthenticationStateProvider authentication)
{
    /// <summary>What a namespace of all of them is called.</summary>
    public const string AllSpaces = "*";

    ClaimsPrincipal? caller;

    /// <summary>Jobs.</summary>
    public async Task<Jobs.JobsClient> Jobs() => new(await Invoker());

    /// <summary>Their files.</summary>
    public async Task<Files.FilesClient> Files() => new(await Invoker());

    /// <summary>Servers and workers.</summary>
    public async Task<Workers.WorkersClient> Workers() => new(await Invoker());

    /// <summary>Who is signed in.</summary>
    public async Task<ClaimsPrincipal> Caller() => caller ??= (await authentication.GetAuthenticationStateAsync()).User;

    /// <summary>Whether a button is worth showing; the server decides again.</summary>
    public async Task<bool> May(Role role, string space) => (await Caller()).FindAll(PageClaims.Role).Any(claim => claim.Value.Split(':') is [var where, var word]
        && (where == AllSpaces || where == space) && Enum.TryParse<Role>(word, ignoreCase: true, out var has) && has >= role);

    /// <summary>The namespaces in which the caller may submit; empty where it is every one.</summary>
    public async Task<IReadOnlyList<string>> EditableSpaces() => await May(Role.Editor, AllSpaces) ? []
        : [.. (await Caller()).FindAll(PageClaims.Role).Where(claim => !claim.Value.EndsWith(":viewer", StringComparison.Ordinal)).Select(claim => claim.Value.Split(':')[0])];

    async Task<CallInvoker> Invoker()
    {
        var token = (await Caller()).FindFirst(PageClaims.Token)?.Value;
        var invoker = channel.CreateCallInvoker();
        return token is null ? invoker : invoker.Intercept(sent =>
        {
            sent.Add("authorization", $"Bearer {token}");
            return sent;
        });
    }
}
