using Microsoft.Extensions.Logging;

namespace Orchestrator.Server.Database;

/// <summary>Where servers find each other and grains keep their state.</summary>
interface IServerDatabase
{
    /// <summary>Makes sure that nobody uses it who must not; held until the result is disposed of.</summary>
    /// <exception cref="Protocol.ProblemException">another server has it for itself</exception>
    IDisposable Claim();

    /// <summary>Waits until it answers, for a bounded time, and brings its schema up to date.</summary>
    /// <exception cref="Protocol.ProblemException">it does not answer, refuses this server, or is a newer program's</exception>
    Task Prepare(ILogger log, CancellationToken stop);

    /// <summary>Gives it to a silo: membership, the storage <see cref="Grains.GrainsSetup.Jobs"/>, reminders.</summary>
    void AddTo(ISiloBuilder silo);

    /// <summary>Throws where it does not answer.</summary>
    Task Ask(CancellationToken stop);
}
