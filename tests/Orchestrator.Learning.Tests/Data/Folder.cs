using Orchestrator.Learning.Data;

namespace Orchestrator.Learning.Tests.Data;

/// <summary>A folder of one test, gone after it.</summary>
sealed class Folder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("orchestrator-data-").FullName;

    public string Cache => System.IO.Path.Combine(Path, "cache");

    public string Write(string name, string text)
    {
        var path = System.IO.Path.Combine(Path, name);
        File.WriteAllText(path, text);
        return path;
    }

    public string Write(string name, ReadOnlySpan<byte> bytes)
    {
        var path = System.IO.Path.Combine(Path, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>Opens a dataset with this folder's cache.</summary>
    public Dataset Open(DataSource source, ParallelLoop? loop = null, IProgress<DatasetProgress>? progress = null, string? cache = null) =>
        Learning.Data.Dataset.Open(source, cache ?? Cache, loop, progress, TestContext.Current.CancellationToken);

    /// <summary>A dataset of examples that are tokens already.</summary>
    public Dataset Dataset(IEnumerable<(int[] Tokens, int[] Labels)> examples) =>
        Open(new DataSource { Path = Write("examples.jsonl", Lines(examples)), Vocabulary = int.MaxValue });

    public static string Lines(IEnumerable<(int[] Tokens, int[] Labels)> examples) => string.Concat(examples.Select(example =>
        $"{{\"input_ids\":[{string.Join(',', example.Tokens)}],\"labels\":[{string.Join(',', example.Labels)}]}}\n"));

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
