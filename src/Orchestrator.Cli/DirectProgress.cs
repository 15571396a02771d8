namespace Orchestrator.Cli;

/// <summary>Reports on the thread that calls, unlike <see cref="Progress{T}"/>.</summary>
sealed class DirectProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
