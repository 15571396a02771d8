using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>
/// The examples of a file of records: tokenised once, kept in a cache by the digest of everything they depend on, read through a memory map.
/// Any number of threads may read one. Its spans are valid until it is disposed.
/// </summary>
public sealed class Dataset : IExamples, IDisposable
{
    readonly DatasetSourceFile source;
    readonly DatasetFile file;

    Dataset(DatasetSourceFile source, DatasetFile file, bool fromCache)
    {
        this.source = source;
        this.file = file;
        FromCache = fromCache;
        Digest = file.Header.Content.ToString();
    }

    /// <summary>Opens the examples of a source, from the cache where it has them.</summary>
    /// <param name="source">the records</param>
    /// <param name="cacheFolder">where tokenised records are kept, as <c>KEY.dataset</c>; made where it is missing</param>
    /// <param name="loop">the caller's threads; null reads on this one</param>
    /// <param name="progress">told while records are tokenised, on the calling thread</param>
    /// <param name="stop">gives up; nothing half-written stays</param>
    /// <exception cref="ProblemException">records that cannot be used: the first 20 problems and their number</exception>
    public static Dataset Open(
        DataSource source, string cacheFolder, ParallelLoop? loop = null,
        IProgress<DatasetProgress>? progress = null, CancellationToken stop = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source.MaxSequenceLength, 2);
        var from = DatasetSourceFile.Open(source.Path);
        var key = Key(source, from);
        var path = Path.Combine(cacheFolder, $"{key.ToString()[..32]}.dataset");
        if (DatasetFile.Open(path, key) is { } kept)
            return new Dataset(from, kept, fromCache: true);
        try
        {
            Directory.CreateDirectory(cacheFolder);
            DatasetBuilder.Build(source, from, path, key, loop ?? OneByOne, progress, stop);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(cacheFolder, e.Message, "a folder with room for the tokenised records, about three times their file");
        }
        var made = DatasetFile.Open(path, key)
            ?? throw new ProblemException(path, "a file that does not hold what was just written", "a cache folder on a healthy disk");
        return new Dataset(from, made, fromCache: false);
    }

    /// <summary>Number of records; theirs are 0 to one below, in the order of the file.</summary>
    public int Count => file.Header.Records;

    /// <summary>SHA-256 over lengths, tokens and labels of all records in order: equal for equal examples, whatever file they came from.</summary>
    public string Digest { get; }

    /// <summary>What the records were.</summary>
    public RecordKind Kind => file.Header.Kind;

    /// <summary>Tokens of all records.</summary>
    public long TokenCount => file.Header.Tokens;

    /// <summary>Supervised tokens of all records.</summary>
    public long SupervisedCount => file.Header.Supervised;

    /// <summary>Whether nothing had to be tokenised.</summary>
    public bool FromCache { get; }

    /// <summary>A record's token numbers.</summary>
    public ReadOnlySpan<int> Tokens(int record) => file.Tokens(record);

    /// <summary>A record's labels, one for each token: its number where it is to be predicted, else <see cref="Example.Unsupervised"/>.</summary>
    public ReadOnlySpan<int> Labels(int record) => file.Labels(record);

    /// <summary>Number of a record's tokens.</summary>
    public int Length(int record) => file.Row(record).Length;

    /// <summary>Number of a record's supervised tokens; may be 0, where its answer was cut off.</summary>
    public int Supervised(int record) => file.Row(record).Supervised;

    /// <summary>A record's texts, from the source; null where the source holds tokens.</summary>
    /// <exception cref="ProblemException">the source has changed since it was opened</exception>
    public AlpacaRecord? Record(int record)
    {
        if (Kind != RecordKind.Alpaca)
            return null;
        var row = file.Row(record);
        return source.Read(new RecordExtent(row.SourceOffset, row.SourceLength));
    }

    /// <summary>Draws the records to hold out; see <see cref="DatasetSplit.Draw"/>.</summary>
    public DatasetSplit Split(int? validation, Func<long, ulong> hash) => DatasetSplit.Draw(Count, validation, hash);

    /// <summary>Closes the map; spans taken from it must not be used any more.</summary>
    public void Dispose() => file.Dispose();

    static void OneByOne(int count, Action<int> body)
    {
        for (var i = 0; i < count; i++)
            body(i);
    }

    /// <summary>SHA-256 of all that the tokens and labels depend on.</summary>
    static Digest32 Key(DataSource source, DatasetSourceFile from) => Digest32.Of(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n',
        "orchestrator dataset 1",
        from.Digest,
        source.Tokenizer?.Digest ?? "no tokenizer",
        source.Template.Name,
        source.Template.Prompt("\u0001", ""),
        source.Template.Prompt("\u0001", "\u0002"),
        source.MaxSequenceLength.ToString(CultureInfo.InvariantCulture),
        (source.Vocabulary ?? source.Tokenizer?.Vocabulary ?? 0).ToString(CultureInfo.InvariantCulture)))));
}
