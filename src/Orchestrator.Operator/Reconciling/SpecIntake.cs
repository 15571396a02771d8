using Orchestrator.Operator.Resources;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Operator.Reconciling;

/// <summary>Makes a job's spec of JSON, by the rules of the API: a job is the same whichever way it comes.</summary>
/// <exception cref="ProblemException">it is none, with all that is wrong</exception>
public delegate JobSpec SpecIntake(string json);

/// <summary>What became of a resource's spec.</summary>
/// <param name="Spec">the job's; null where it is refused</param>
/// <param name="Digest">of the spec as one worker would compute it, since the number of workers may change</param>
/// <param name="Refusal">why it is none</param>
sealed record SpecReading(JobSpec? Spec, string? Digest, string? Refusal)
{
    const string Line = "spec:1 ";      // its JSON has one line, of which nobody knows

    /// <summary>Reads the spec of a resource.</summary>
    public static SpecReading Of(TrainingJob resource, SpecIntake intake)
    {
        try
        {
            var spec = intake(resource.JobText());
            return new SpecReading(spec, DigestOf(spec), null);
        }
        catch (ProblemException wrong)
        {
            var problems = wrong.Problems.Select(problem => problem with { Place = problem.Place.StartsWith(Line, StringComparison.Ordinal) ? "spec." + problem.Place[Line.Length..] : problem.Place });
            return new SpecReading(null, null, string.Join("; ", problems));
        }
    }

    /// <summary>SHA-256 of a spec, whatever its number of workers.</summary>
    public static string DigestOf(JobSpec spec) => CanonicalJson.Digest(spec with { Workers = 1 });
}
