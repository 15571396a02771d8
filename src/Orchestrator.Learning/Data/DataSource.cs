namespace Orchestrator.Learning.Data;

/// <summary>A file of records and how they become examples.</summary>
public sealed record DataSource
{
    /// <summary>An Alpaca JSON array, or JSON lines of Alpaca records or of tokens.</summary>
    public required string Path { get; init; }

    /// <summary>The base's tokenizer; records that are tokens already need none.</summary>
    public Tokenizer? Tokenizer { get; init; }

    /// <summary>The base's vocabulary; null is the tokenizer's. Token numbers beyond it are refused.</summary>
    public int? Vocabulary { get; init; }

    /// <summary>How texts become prompts.</summary>
    public PromptTemplate Template { get; init; } = PromptTemplate.Alpaca;

    /// <summary>Tokens an example is cut to, at least 2.</summary>
    public int MaxSequenceLength { get; init; } = 512;
}

/// <summary>How far the records are read.</summary>
/// <param name="Done">records read</param>
/// <param name="Total">records there are</param>
public readonly record struct DatasetProgress(int Done, int Total);

/// <summary>Runs a loop on the caller's threads: calls <paramref name="body"/> once for each of 0 to <paramref name="count"/> - 1, in any order,
/// and returns when all are done. An exception of a call is thrown.</summary>
/// <param name="count">number of calls</param>
/// <param name="body">may run on several threads at once</param>
public delegate void ParallelLoop(int count, Action<int> body);
