using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Cli;

/// <summary>A job to train on this machine.</summary>
/// <param name="Spec">the job; it follows every rule, and its files are there</param>
/// <param name="Folder">the run's folder</param>
/// <param name="Resume">whether to go on from the folder's last good checkpoint; without it the folder holds no run</param>
public sealed record TrainRequest(JobSpec Spec, string Folder, bool Resume);

/// <summary>How a run on this machine ended.</summary>
/// <param name="Folder">the run's folder</param>
/// <param name="Step">the last committed step</param>
/// <param name="Steps">the job's last step</param>
/// <param name="Loss">training loss of the last step, in nats; null if there was none</param>
/// <param name="ValidationBefore">held-out loss before the first step, in nats; null without held-out records</param>
/// <param name="ValidationAfter">held-out loss at the end</param>
/// <param name="TokensPerSecond">over all steps and workers</param>
/// <param name="Seconds">from the first step to the last, in this process</param>
/// <param name="Adapter">path of <c>adapter.safetensors</c>; null if interrupted</param>
/// <param name="AdapterSha256">its digest, 64 hexadecimal digits</param>
/// <param name="Interrupted">whether a signal ended it before its time, with a checkpoint at <paramref name="Step"/></param>
public sealed record TrainResult(
    string Folder, long Step, long Steps, double? Loss, double? ValidationBefore, double? ValidationAfter, double TokensPerSecond, double Seconds, string? Adapter,
    string? AdapterSha256, bool Interrupted);

/// <summary>The demonstration to run.</summary>
/// <param name="Workers">how many compute; null is the demonstration's own number</param>
/// <param name="Folder">the run's folder; null is <c>runs/demo</c>, which is replaced</param>
/// <param name="Chaos">whether to do it again with other numbers of workers, one of them killed, and compare digests</param>
public sealed record DemoRequest(int? Workers, string? Folder, bool Chaos);

/// <summary>A run to verify.</summary>
/// <param name="Folder">the run's folder</param>
/// <param name="Step">the step to compute again; null checks the ledger's whole chain</param>
public sealed record VerifyRequest(string Folder, long? Step);

/// <summary>What was found.</summary>
/// <param name="Equal">whether everything is as the ledger says</param>
/// <param name="Steps">steps that were looked at</param>
/// <param name="Parts">where it parts, in a sentence; null if nowhere</param>
public sealed record VerifyResult(bool Equal, long Steps, string? Parts);
