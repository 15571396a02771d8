namespace Orchestrator.Cli;

/// <summary>What happens while a job is prepared and trained, as <see cref="ProgressView"/> shows it.</summary>
abstract record TrainingProgress
{
    TrainingProgress()
    {
    }

    /// <summary>A part of the preparation goes on: tokenising, reading the base. The last one has <paramref name="Done"/> equal to <paramref name="Total"/>.</summary>
    /// <param name="What">what is done: <c>tokenising</c></param>
    /// <param name="Done">how much of it is done</param>
    /// <param name="Total">how much there is; 0 where nobody knows</param>
    /// <param name="Unit">what is counted: <c>records</c>, <c>bytes</c></param>
    public sealed record Preparing(string What, long Done, long Total, string Unit) : TrainingProgress;

    /// <summary>The steps begin, or go on after a resume.</summary>
    /// <param name="Step">steps that are committed already</param>
    /// <param name="Steps">the last step</param>
    public sealed record Began(long Step, long Steps) : TrainingProgress;

    /// <summary>A step was committed.</summary>
    /// <param name="Step">its number</param>
    /// <param name="Loss">mean loss of its supervised tokens, in nats</param>
    /// <param name="LearningRate">the learning rate of its update</param>
    /// <param name="TokensPerSecond">tokens of all workers, over the last steps</param>
    /// <param name="Workers">workers of the generation</param>
    public sealed record Stepped(long Step, double Loss, double LearningRate, double TokensPerSecond, int Workers) : TrainingProgress;

    /// <summary>The held-out records were looked at.</summary>
    /// <param name="Step">the adapter's step</param>
    /// <param name="Loss">mean held-out loss, in nats</param>
    /// <param name="ExactMatch">share of generated answers that are word for word right, 0 to 1; null where none was generated</param>
    public sealed record Evaluated(long Step, double Loss, double? ExactMatch = null) : TrainingProgress;

    /// <summary>A checkpoint was written.</summary>
    /// <param name="Step">its step</param>
    /// <param name="Folder">where it is</param>
    public sealed record Saved(long Step, string Folder) : TrainingProgress;

    /// <summary>An event that a person would ask about: a worker lost, a job resumed.</summary>
    /// <param name="Text">a sentence</param>
    /// <param name="IsWarning">whether something may have to be done about it</param>
    public sealed record Said(string Text, bool IsWarning = false) : TrainingProgress;
}
