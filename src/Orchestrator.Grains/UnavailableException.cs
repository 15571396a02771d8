using System.Data.Common;

namespace Orchestrator.Grains;

/// <summary>What was asked could not be written down, so it did not happen: the database, or the disk, cannot be reached just now. The same may be asked again.</summary>
/// <param name="reason">what could not be reached, and why</param>
[GenerateSerializer, Alias("unavailable")]
public sealed class UnavailableException(string reason) : Exception(reason)
{
    /// <summary>The database did not take something.</summary>
    /// <param name="what">what was to be stored</param>
    /// <param name="why">what the database, or the way to it, said</param>
    internal static UnavailableException Storing(string what, Exception why)
        => new($"the database cannot be reached just now, so that {what} could not be stored ({Said(why)}); nothing is lost, try again");

    // What a storage provider says of it holds where in its code it happened; the database's own words are beneath.
    static string Said(Exception why)
    {
        var cause = why;
        while (cause.InnerException is { } inner && cause is not DbException)
            cause = inner;
        return string.Join(": ", new[] { cause, cause.InnerException }.OfType<Exception>().Select(e => e.Message.Split('\n')[0].TrimEnd('\r', '.')));
    }
}
