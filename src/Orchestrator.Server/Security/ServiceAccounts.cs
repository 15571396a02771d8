using System.Net;
using k8s;
using k8s.Autorest;
using k8s.Exceptions;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Orchestrator.Grains;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Server.Security;

/// <summary>
/// Finds out which Kubernetes service account a token is of, by asking the API server (TokenReview). What it says is kept for a short time, so that a token which was revoked there is refused here
/// within <see cref="keptYes"/>; what it does not say (it cannot be reached, or refuses to tell) is not kept. Many calls with one token are one question.
/// </summary>
sealed partial class ServiceAccounts : IDisposable
{
    const string SubjectBegins = "system:serviceaccount:";
    const int KeptMax = 10_000;
    const int QuestionsAtOnceMax = 16;

    static readonly TimeSpan keptYes = TimeSpan.FromMinutes(1);
    static readonly TimeSpan keptNo = TimeSpan.FromSeconds(10);
    static readonly TimeSpan answeredWithin = TimeSpan.FromSeconds(5);

    readonly Dictionary<string, Answer> kept = [];
    readonly Lock gate = new();
    readonly SemaphoreSlim questions = new(QuestionsAtOnceMax);
    readonly k8s.Kubernetes server;
    readonly KubernetesOptions options;
    readonly TimeProvider clock;
    readonly ILogger log;
    readonly Role role;
    string? untold;

    /// <exception cref="ProblemException">where the API server is cannot be found out</exception>
    public ServiceAccounts(SecurityOptions security, TimeProvider clock, ILogger<ServiceAccounts> log)
    {
        (options, this.clock, this.log) = (security.Kubernetes, clock, log);
        role = Enum.Parse<Role>(options.Role, ignoreCase: true);
        try
        {
            server = new k8s.Kubernetes(options.Config is { Length: > 0 } file ? KubernetesClientConfiguration.BuildConfigFromConfigFile(file) : KubernetesClientConfiguration.InClusterConfig());
        }
        catch (Exception e) when (e is KubeConfigException or IOException or UnauthorizedAccessException or YamlDotNet.Core.YamlException)
        {
            throw new ProblemException("Security:Kubernetes:Config", e.Message, "a kubeconfig, or nothing in a pod whose account's token is mounted");
        }
    }

    /// <summary>Whether a token looks like one of a service account that is for this cluster and in its time; whether it is one, the API server knows.</summary>
    public bool MayBeOfOne(string token)
    {
        try
        {
            var said = new JsonWebToken(token);
            return said.Subject?.StartsWith(SubjectBegins, StringComparison.Ordinal) == true && said.Audiences.Contains(options.Audience) && said.ValidTo > clock.GetUtcNow().UtcDateTime;
        }
        catch (Exception e) when (e is SecurityTokenException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Whose token it is; null where it is worth nothing.</summary>
    /// <exception cref="UnavailableException">the API server does not tell</exception>
    public async Task<Caller?> Bearer(string token)
    {
        var digest = TokenStore.Digest(token);
        Answer? answer;
        lock (gate)
        {
            var now = clock.GetUtcNow();
            if (!kept.TryGetValue(digest, out answer) || answer.Until <= now)
            {
                if (kept.Count >= KeptMax)
                    MakeRoom(now);
                kept[digest] = answer = new Answer(Ask(token), now + keptYes);
            }
        }
        try
        {
            var caller = await answer.Caller;
            if (caller is null)
                lock (gate)
                    if (kept.GetValueOrDefault(digest) == answer && answer.Until > clock.GetUtcNow() + keptNo)
                        kept[digest] = answer with { Until = clock.GetUtcNow() + keptNo };
            return caller;
        }
        catch (UnavailableException)
        {
            lock (gate)
                if (kept.GetValueOrDefault(digest) == answer)
                    kept.Remove(digest);
            throw;
        }
    }

    void MakeRoom(DateTimeOffset now)
    {
        foreach (var old in kept.Where(one => one.Value.Until <= now).Select(one => one.Key).ToList())
            kept.Remove(old);
        if (kept.Count >= KeptMax)
            kept.Clear();
    }

    async Task<Caller?> Ask(string token)
    {
        await Task.Yield();      // whoever asks first holds the gate
        using var patience = new CancellationTokenSource(answeredWithin);
        try
        {
            await questions.WaitAsync(patience.Token);
            try
            {
                var asked = new V1TokenReview { ApiVersion = "authentication.k8s.io/v1", Kind = "TokenReview", Spec = new V1TokenReviewSpec { Token = token, Audiences = [options.Audience] } };
                var told = await server.AuthenticationV1.CreateTokenReviewAsync(asked, cancellationToken: patience.Token);
                untold = null;
                return CallerOf(told.Status);
            }
            finally
            {
                questions.Release();
            }
        }
        catch (HttpOperationException refusal)
        {
            var why = refusal.Response.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized ? "this server's account may not create tokenreviews.authentication.k8s.io" : $"{(int)refusal.Response.StatusCode}";
            throw Unavailable(why);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException or System.Text.Json.JsonException)
        {
            throw Unavailable(e is OperationCanceledException ? $"no answer within {answeredWithin.TotalSeconds} s" : e.Message);
        }
    }

    UnavailableException Unavailable(string why)
    {
        if (Interlocked.Exchange(ref untold, why) != why)
            LogNotTold(why);
        return new UnavailableException("whose token this is cannot be found out just now, since Kubernetes does not tell; try again");
    }

    // An API server that does not know audiences says nothing of them: its answer is about another token than ours.
    Caller? CallerOf(V1TokenReviewStatus? status)
        => status is { Authenticated: true, User.Username: { } name } && status.Audiences?.Contains(options.Audience) == true
            && name.StartsWith(SubjectBegins, StringComparison.Ordinal) && name[SubjectBegins.Length..].Split(':') is [var space, var account] && JobName.TryParse(space, out _)
            ? new Caller($"service account {space}/{account}", new Dictionary<string, Role> { [space] = role })
            : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        server.Dispose();
        questions.Dispose();
    }

    sealed record Answer(Task<Caller?> Caller, DateTimeOffset Until);

    [LoggerMessage(EventName = "TokenReviewFailed", Level = LogLevel.Warning, Message = "Kubernetes does not tell whose token it was shown: {Reason}")]
    partial void LogNotTold(string reason);
}
