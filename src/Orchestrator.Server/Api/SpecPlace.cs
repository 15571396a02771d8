using System.Globalization;
using System.Text.RegularExpressions;
using Orchestrator.Api.V1;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Api;

/// <summary>Where in a spec's text something is wrong: the reader's <c>spec:7 optimizer.betas[1]</c> as a line and a key.</summary>
static partial class SpecPlace
{
    /// <summary>What the reader calls a text that came in a call.</summary>
    public const string Source = "spec";

    /// <summary>A problem as the API tells it.</summary>
    public static SpecProblem Of(Problem problem)
    {
        var place = Place().Match(problem.Place);
        return new SpecProblem
        {
            Field = place.Success ? place.Groups["key"].Value : problem.Place,
            Line = int.TryParse(place.Groups["line"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var line) ? line : 0,
            Description = Refusals.WithoutPlace(problem),
        };
    }

    [GeneratedRegex(@"^spec(:(?<line>\d+))?(:\d+)? ?(?<key>.*)$")]
    private static partial Regex Place();
}
