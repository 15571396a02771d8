using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>Which records are learned from and which are held out; both ascending.</summary>
/// <param name="Training">record numbers</param>
/// <param name="Validation">record numbers</param>
public sealed record DatasetSplit(IReadOnlyList<int> Training, IReadOnlyList<int> Validation)
{
    /// <summary>Draws the held-out records: those of the smallest hashes, the lower number of equal ones.</summary>
    /// <param name="records">number of records</param>
    /// <param name="validation">how many to hold out; null is 200, or a tenth of fewer than 2,000 records</param>
    /// <param name="hash">a record's number -> a random number that depends on it and the job's seed only</param>
    /// <exception cref="ProblemException">nothing would be left to learn from</exception>
    public static DatasetSplit Draw(int records, int? validation, Func<long, ulong> hash)
    {
        var held = validation ?? (records < 2000 ? records / 10 : 200);
        if (held < 0 || held >= records)
            throw new ProblemException("data.validation", $"{held} of {records} records", "at least one record left to learn from");
        var drawn = Enumerable.Range(0, records).Select(record => (Hash: hash(record), Record: record)).ToArray();
        Array.Sort(drawn);
        var isHeld = new bool[records];
        foreach (var (_, record) in drawn.AsSpan(0, held))
            isHeld[record] = true;
        return new DatasetSplit(
            [.. Enumerable.Range(0, records).Where(record => !isHeld[record])],
            [.. Enumerable.Range(0, records).Where(record => isHeld[record])]);
    }
}
