namespace Orchestrator.Cli;

/// <summary>A job that ended without a result.</summary>
sealed class TrainingFailedException(string reason) : Exception(reason);
