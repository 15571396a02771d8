using Microsoft.Extensions.Logging;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Engine;

/// <summary>What the engine logs: one line per event that a person would ask about.</summary>
sealed partial class EngineLog(ILogger<TrainingEngine> log)
{
    [LoggerMessage(EventName = "WorkerFailed", Level = LogLevel.Error, Message = "{Job}: {Worker} failed in step {Step}")]
    public partial void Failed(string job, WorkerId worker, Step step, Exception exception);

    [LoggerMessage(EventName = "WorkerLeft", Level = LogLevel.Debug, Message = "{Job}: {Worker} left")]
    public partial void Left(string job, WorkerId worker);
}
