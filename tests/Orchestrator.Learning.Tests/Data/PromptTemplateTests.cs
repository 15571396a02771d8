using System.Text.Json;
using Orchestrator.Learning.Data;
using Orchestrator.Protocol;

namespace Orchestrator.Learning.Tests.Data;

public class PromptTemplateTests
{
    [Fact]
    public void The_golden_texts_are_prompts_of_the_first_records_with_their_answers()
    {
        var golden = File.ReadLines(SharedFiles.Need("reference/tokenizer/llama32k.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()!).ToHashSet();
        using var json = JsonDocument.Parse(File.ReadAllBytes(SharedFiles.Alpaca));
        var found = json.RootElement.EnumerateArray().Count(record => golden.Contains(
            PromptTemplate.Alpaca.Prompt(record.GetProperty("instruction").GetString()!, record.GetProperty("input").GetString()!)
            + record.GetProperty("output").GetString()!));
        Assert.True(found > 50, $"{found} of {golden.Count} golden texts");
    }

    [Fact]
    public void With_and_without_input_byte_for_byte()
    {
        Assert.Equal(
            "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
            + "### Instruction:\nSay hello.\n\n### Response:", PromptTemplate.Alpaca.Prompt("Say hello.", ""));
        Assert.Equal(
            "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that "
            + "appropriately completes the request.\n\n### Instruction:\nTranslate.\n\n### Input:\n \n\n### Response:",
            PromptTemplate.Alpaca.Prompt("Translate.", " "));
    }

    [Fact]
    public void An_unknown_name_is_told_with_the_known_ones()
    {
        Assert.Same(PromptTemplate.Alpaca, PromptTemplate.Named("alpaca"));
        var problem = Assert.Single(Assert.Throws<ProblemException>(() => PromptTemplate.Named("vicuna")).Problems);
        Assert.Equal(new Problem("data.template", "vicuna", "alpaca"), problem);
    }
}
