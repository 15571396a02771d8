using Orchestrator.Harness;
using Orchestrator.Learning.Data;

namespace Orchestrator.Learning.Tests.Data;

/// <summary>Files of the shared folder that the tests of data stand on; a test that needs one is skipped where it is missing.</summary>
static class SharedFiles
{
    static readonly Lazy<Tokenizer> llama = new(() => Tokenizer.Open(Need("tokenizers/llama-32k/tokenizer.model")));
    static readonly Lazy<Tokenizer> stories = new(() => Tokenizer.Open(Need("models/stories260K/tokenizer.model")));

    public static Tokenizer Llama => llama.Value;

    public static Tokenizer Stories => stories.Value;

    public static string Alpaca => Need("data/alpaca_original_1805.json");

    public static string Need(string relative)
    {
        var path = Shared.Find(relative);
        Assert.SkipWhen(path is null, $"../shared/{relative} is missing");
        return path!;
    }
}
