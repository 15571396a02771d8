using Orchestrator.Grains.Scheduling;
using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Server.Api;

/// <summary>Which job is meant: two DNS labels, so that neither can lead out of its folder.</summary>
/// <param name="Space">its namespace</param>
/// <param name="Name">its name</param>
readonly record struct JobAddress(string Space, string Name)
{
    /// <summary>The namespace of requests that say none.</summary>
    public const string DefaultSpace = "default";

    /// <summary>The key of its grain.</summary>
    public string Key => JobEntry.KeyOf(Space, Name);

    /// <summary>Takes what a request says.</summary>
    /// <exception cref="ProblemException">it is no name</exception>
    public static JobAddress Of(string space, string name)
    {
        var (where, problems) = (SpaceOf(space, out var wrong), wrong is null ? [] : new List<Problem> { wrong });
        if (!JobName.TryParse(name, out _))
            problems.Add(new Problem("name", $"'{name}'", JobName.Rule));
        return problems.Count > 0 ? throw new ProblemException(problems) : new JobAddress(where, name);
    }

    /// <summary>Takes a namespace alone.</summary>
    /// <exception cref="ProblemException">it is no name</exception>
    public static string SpaceOf(string space) => SpaceOf(space, out var wrong) is var where && wrong is null ? where : throw new ProblemException(wrong);

    static string SpaceOf(string space, out Problem? wrong)
    {
        wrong = space.Length == 0 || JobName.TryParse(space, out _) ? null : new Problem("namespace", $"'{space}'", JobName.Rule);
        return space.Length == 0 ? DefaultSpace : space;
    }

    /// <inheritdoc/>
    public override string ToString() => Key;
}
