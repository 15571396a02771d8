using Orchestrator.Learning.Data;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Tests.Data;

public sealed class RecordRefusalTests : IDisposable
{
    const string Good = """{"instruction": "a", "input": "", "output": "b"}""";

    readonly Folder folder = new();

    public void Dispose() => folder.Dispose();

    ProblemException Refused(ReadOnlySpan<byte> file, Tokenizer? tokenizer = null)
    {
        var path = folder.Write("data.json", file);
        var thrown = Assert.Throws<ProblemException>(() => folder.Open(new DataSource { Path = path, Tokenizer = tokenizer ?? SharedFiles.Stories }));
        Assert.False(Directory.Exists(folder.Cache) && Directory.EnumerateFileSystemEntries(folder.Cache).Any(), "something was left in the cache");
        return thrown;
    }

    ProblemException Refused(string text) => Refused(System.Text.Encoding.UTF8.GetBytes(text));

    [Theory]
    [InlineData("", ": an empty file found, a JSON array of records or JSON lines expected")]
    [InlineData("\uFEFF \r\n\t", ": nothing but white space found, a JSON array of records or JSON lines expected")]
    [InlineData("instruction,input,output\n", ":1: 'i' at the beginning found, '[' of a JSON array of records or '{' of JSON lines expected")]
    [InlineData("[]", ": an empty array found, at least one record expected")]
    [InlineData("[\n" + Good + ",\n7]", ":3 record 1: a number found, a record in braces expected")]
    [InlineData("[\n" + Good + ",\n" + Good, ":3: invalid JSON after 2 records")]
    [InlineData("[\n" + Good + "\n" + Good + "]", ":3: invalid JSON after 1 records")]
    [InlineData("[" + Good + "]\nx", ":2: invalid JSON after 1 records")]
    [InlineData("{\"data\": [" + Good + "]}", ":1 record 0: the fields data found, instruction, input, output (Alpaca) or input_ids, labels (tokens) expected")]
    [InlineData("{}", ":1 record 0: no field found, instruction, input, output (Alpaca) or input_ids, labels (tokens) expected")]
    [InlineData("{\n  \"instruction\": \"a\"\n}", ":1 record 0: invalid JSON")]
    [InlineData("[" + Good + ",\n{\"instruction\": \"a\"}]", ":2 record 1 output: no such field found, a text expected")]
    [InlineData("[" + Good + ",\n{\"output\": \"a\"}]", ":2 record 1 instruction: no such field found, a text expected")]
    [InlineData("[" + Good + ",\n{\"instruction\": 3, \"output\": \"a\"}]", ":2 record 1 instruction: a number found, a text expected")]
    [InlineData("[" + Good + ",\n{\"instruction\": \"a\", \"output\": [\"b\"]}]", ":2 record 1 output: a list found, a text expected")]
    [InlineData("[" + Good + ",\n{\"instruction\": \"a\", \"output\": \"\\ud800\"}]", ":2 record 1 output: bytes that are no UTF-8, or half a surrogate pair found")]
    [InlineData("[" + Good + ",\n{\"instruction\\ud800\": \"a\", \"output\": \"b\"}]", ":2 record 1 instruction: no such field found, a text expected")]
    [InlineData(Good + "\n\n" + Good + " x\n" + Good, ":3 record 1: invalid JSON")]
    [InlineData(Good + "\r\n{\"instruction\": \"a\r\n", ":2 record 1: invalid JSON")]
    public void Texts(string file, string problem) => Assert.Contains("data.json" + problem, Refused(file).Message);

    [Theory]
    [InlineData("""{"input_ids": [], "labels": []}""", ":1 record 0 input_ids: no token found, a list of token numbers expected")]
    [InlineData("""{"input_ids": [1, 2], "labels": [1]}""", ":1 record 0 labels: 1 labels found, 2, one for each of input_ids expected; -100 stands")]
    [InlineData("""{"input_ids": [1], "labels": [1, 1]}""", ":1 record 0 labels: 2 labels found, 1, one for each of input_ids expected; -100 stands")]
    [InlineData("""{"input_ids": [1, 512], "labels": [1, 2]}""", ":1 record 0 input_ids[1]: 512 found, a token number, 0 to 511 expected")]
    [InlineData("""{"input_ids": [1, -100], "labels": [1, 2]}""", ":1 record 0 input_ids[1]: -100 found, a token number, 0 to 511 expected")]
    [InlineData("""{"input_ids": [1, 2], "labels": [1, -1]}""", ":1 record 0 labels[1]: -1 found, a token number, 0 to 511, or -100 expected")]
    [InlineData("""{"input_ids": [1, 2.5]}""", ":1 record 0 input_ids[1]: 2.5 found, a token number, 0 to 511 expected")]
    [InlineData("""{"input_ids": [1, 99999999999999999999999999999]}""", ":1 record 0 input_ids[1]: 999999999999999999999999… found")]
    [InlineData("""{"input_ids": [1, [2], 3], "labels": [1, 2, 3]}""", ":1 record 0 input_ids[1]: a list found, a token number, 0 to 511 expected")]
    [InlineData("""{"input_ids": "1 2"}""", ":1 record 0 input_ids: a text found, a list of numbers expected")]
    [InlineData("""{"input_ids": [1, 2]}""", ": no supervised token in 1 records found, at least one expected; labels repeats")]
    [InlineData("""{"input_ids": [1, 2], "labels": [1, -100]}""", ": no supervised token in 1 records found, at least one expected; labels repeats")]
    [InlineData("{\"input_ids\": [1, 2], \"labels\": [1, 2]}\n" + Good, ":2 record 1 input_ids: no such field found, a list of token numbers expected")]
    public void Tokens(string file, string problem) => Assert.Contains("data.json" + problem, Refused(file).Message);

    [Fact]
    public void Bytes_that_are_no_UTF_8() =>
        Assert.Contains(":1 record 0 output: bytes that are no UTF-8", Refused([.. "{\"instruction\": \"a\", \"output\": \""u8, 0xC3, 0x28, .. "\"}"u8]).Message);

    [Fact]
    public void Labels_that_are_null_one_by_one_or_as_a_whole_are_unsupervised()
    {
        var path = folder.Write("data.jsonl", "{\"input_ids\": [1, 2, 3], \"labels\": [null, null, 3]}\n{\"input_ids\": [1, 2], \"labels\": null}\n{\"input_ids\": [4]}");
        using var dataset = folder.Open(new DataSource { Path = path, Vocabulary = 5 });
        Assert.Equal([-100, -100, 3], dataset.Labels(0).ToArray());
        Assert.Equal([-100, -100], dataset.Labels(1).ToArray());
        Assert.Equal([-100], dataset.Labels(2).ToArray());
        Assert.Equal([1, 0, 0], Enumerable.Range(0, 3).Select(dataset.Supervised));
    }

    [Fact]
    public void An_input_that_is_absent_or_null_is_empty()
    {
        var path = folder.Write("data.jsonl", "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"a\", \"input\": null, \"output\": \"b\", \"id\": {\"x\": [1]}}");
        using var dataset = folder.Open(new DataSource { Path = path, Tokenizer = SharedFiles.Stories });
        Assert.Equal([new AlpacaRecord("a", "", "b"), new AlpacaRecord("a", "", "b")], [dataset.Record(0), dataset.Record(1)]);
    }

    [Fact]
    public void Of_many_problems_the_first_twenty_are_told_and_how_many_more_there_are()
    {
        var thrown = Refused(string.Concat(Enumerable.Range(0, 5000).Select(i => i % 2 == 0 ? Good + "\n" : "{\"instruction\": 1}\n")));
        Assert.Equal(21, thrown.Problems.Count);
        Assert.EndsWith("data.json:2 record 1 instruction", thrown.Problems[0].Place);
        Assert.EndsWith("data.json:40 record 39 instruction", thrown.Problems[19].Place);
        Assert.Equal("2,480 more such problems", thrown.Problems[20].Found);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_told_apart()
    {
        Assert.Contains("no file found", Assert.Throws<ProblemException>(() => folder.Open(new DataSource { Path = Path.Combine(folder.Path, "none") })).Message);
        Assert.Contains("a folder found", Assert.Throws<ProblemException>(() => folder.Open(new DataSource { Path = folder.Path })).Message);
    }

    [Fact]
    public void Texts_need_a_tokenizer()
    {
        var path = folder.Write("data.json", "[" + Good + "]");
        Assert.Contains("records of text found", Assert.Throws<ProblemException>(() => folder.Open(new DataSource { Path = path })).Message);
    }

    [Fact]
    public void Another_models_tokenizer_is_seen_by_its_numbers()
    {
        var path = folder.Write("data.json", "[" + Good + "]");
        var thrown = Assert.Throws<ProblemException>(() => folder.Open(new DataSource { Path = path, Tokenizer = SharedFiles.Llama, Vocabulary = 512 }));
        Assert.Contains("expected; the tokenizer is another model's", thrown.Message);
    }
}
