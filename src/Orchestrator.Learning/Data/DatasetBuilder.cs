using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>Reads and tokenises the records of a source, window by window, and writes them in the order of the file.</summary>
internal static class DatasetBuilder
{
    /// <summary>Records in memory at a time.</summary>
    const int WindowRecords = 2048;

    /// <summary>Records of one call of the caller's loop.</summary>
    const int BlockRecords = 32;

    /// <exception cref="ProblemException">records that cannot be used; nothing is written then</exception>
    public static void Build(
        DataSource source, DatasetSourceFile from, string path, in Digest32 key,
        ParallelLoop loop, IProgress<DatasetProgress>? progress, CancellationToken stop)
    {
        using var file = RecordFile.Open(source.Path);
        if (file.Kind == RecordKind.Alpaca && source.Tokenizer is null)
            throw new ProblemException(source.Path, "records of text", "records of tokens, or a tokenizer", "a tokenizer.model lies beside the base");
        using var writer = new DatasetFileWriter(path, key, file.Kind);
        var problems = new ProblemList(source.Path);
        var examples = new (Example? Example, IReadOnlyList<Problem> Problems)[Math.Min(WindowRecords, file.Count)];
        progress?.Report(new DatasetProgress(0, file.Count));
        for (var at = 0; at < file.Count; at += examples.Length)
        {
            var (first, count) = (at, Math.Min(examples.Length, file.Count - at));
            loop((count + BlockRecords - 1) / BlockRecords, block =>
            {
                for (var i = block * BlockRecords; i < Math.Min(count, (block + 1) * BlockRecords); i++)
                    examples[i] = Read(file, first + i, source);
            });
            stop.ThrowIfCancellationRequested();
            for (var i = 0; i < count; i++)
            {
                problems.Add(examples[i].Problems);
                if (!problems.Any)
                    writer.Add(examples[i].Example!, file.Extent(first + i));
            }
            progress?.Report(new DatasetProgress(first + count, file.Count));
        }
        problems.Throw();
        if (writer.Supervised == 0)
        {
            throw new ProblemException(source.Path, $"no supervised token in {file.Count:N0} records", "at least one", file.Kind == RecordKind.Tokens
                ? "labels repeats the numbers of input_ids that are to be learned and has -100 elsewhere"
                : "data.maxSequenceLength may cut off every answer");
        }
        from.ThrowIfChanged(); // or its examples would be kept under the digest of others
        writer.Commit();
    }

    static (Example?, IReadOnlyList<Problem>) Read(RecordFile file, int record, DataSource source)
    {
        var place = new RecordPlace(file, record);
        var vocabulary = source.Vocabulary ?? source.Tokenizer?.Vocabulary ?? int.MaxValue;
        if (file.Kind == RecordKind.Tokens)
        {
            var tokens = TokenRecord.Read(file.Json(record), vocabulary, place);
            return (tokens is null ? null : Example.Of(tokens, source.MaxSequenceLength), place.Problems);
        }
        if (AlpacaRecord.Read(file.Json(record), place) is not { } texts)
            return (null, place.Problems);
        var example = Example.Of(texts, source.Tokenizer!, source.Template, source.MaxSequenceLength);
        if (example.Tokens.Max() is var highest && highest >= vocabulary)
            place.Problem("", $"token {highest} ({source.Tokenizer!.Piece(highest)})", $"tokens below {vocabulary}, the base's vocabulary",
                "the tokenizer is another model's");
        return (example, place.Problems);
    }
}
