using Grpc.Core;
using Microsoft.AspNetCore.Components;

namespace Orchestrator.Page.Live;

/// <summary>A page that follows streams of the API while it is looked at, and is drawn again when they tell something: at once at first, then four times a second at most.</summary>
public abstract class LivePage : ComponentBase, IDisposable
{
    static readonly TimeSpan drawEvery = TimeSpan.FromMilliseconds(250);
    static readonly TimeSpan retryAfter = TimeSpan.FromSeconds(1);

    readonly CancellationTokenSource gone = new();
    DateTime drawn;
    bool isDue;

    /// <summary>The API.</summary>
    [Inject]
    protected ClusterApi Cluster { get; set; } = null!;

    /// <summary>Where the browser is.</summary>
    [Inject]
    protected NavigationManager Navigation { get; set; } = null!;

    /// <summary>Cancelled once the page is left.</summary>
    protected CancellationToken Gone => gone.Token;

    /// <summary>What is wrong with the connection to the cluster; null if nothing is.</summary>
    protected string? Trouble { get; private set; }

    /// <summary>What the page asked for and does not exist; null if it does.</summary>
    protected string? Missing { get; private set; }

    /// <summary>Follows a stream, and takes it up again when it breaks, until the page is left or the stream has ended.</summary>
    /// <param name="open">begins it, or goes on with it</param>
    /// <param name="take">takes a message</param>
    protected async Task Follow<T>(Func<Task<AsyncServerStreamingCall<T>>> open, Action<T> take)
    {
        ArgumentNullException.ThrowIfNull(open);
        ArgumentNullException.ThrowIfNull(take);
        while (!Gone.IsCancellationRequested)
        {
            try
            {
                using var call = await open();
                while (await call.ResponseStream.MoveNext(Gone))
                {
                    take(call.ResponseStream.Current);
                    Trouble = null;
                    Draw();
                }
                return;
            }
            catch (Exception) when (Gone.IsCancellationRequested)
            {
                return;
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unauthenticated)
            {
                Navigation.NavigateTo("/sign-in", forceLoad: true);
                return;
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.NotFound or StatusCode.PermissionDenied or StatusCode.InvalidArgument)
            {
                Missing = e.Status.Detail;
                Draw();
                return;
            }
            catch (RpcException e)
            {
                Trouble = e.Status.Detail;
                Draw();
                await Task.Delay(retryAfter, Gone).ContinueWith(_ => { }, TaskScheduler.Default);
            }
        }
    }

    void Draw()
    {
        var wait = drawn + drawEvery - DateTime.UtcNow;
        if (isDue)
            return;
        isDue = true;
        _ = InvokeAsync(async () =>
        {
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait);
            (isDue, drawn) = (false, DateTime.UtcNow);
            if (!Gone.IsCancellationRequested)
                StateHasChanged();
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the streams.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        gone.Cancel();
        gone.Dispose();
    }
}
