using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Orchestrator.Harness;

namespace Orchestrator.Cli.Tests;

public class ProcessTests
{
    [Fact]
    public void Help_is_on_standard_output_and_ends_well()
    {
        var help = Orchestrated.Run("train", "--help");
        Assert.Equal(ExitCodes.Done, help.Code);
        Assert.Contains("orchestrator train job.yaml --workers 2", help.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_verb_that_does_not_exist_is_the_users_mistake_and_the_nearest_is_named()
    {
        var typo = Orchestrated.Run("tarin");
        Assert.Equal((ExitCodes.Mistake, ""), (typo.Code, typo.Out));
        Assert.Contains("train", typo.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_spec_is_valid()
    {
        var written = Orchestrated.Run("new").Out;
        Assert.Contains("# ", written, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Done, Orchestrated.RunWith(written, "validate", "-").Code);
    }

    [Fact]
    public void A_spec_with_problems_ends_with_2_and_a_line_for_each()
    {
        var wrong = Orchestrated.RunWith("model: { path: /m }\ndata: { path: /d }\ntraining: { epoch: 3, seed: x }\n", "validate", "-");
        Assert.Equal((ExitCodes.Mistake, ""), (wrong.Code, wrong.Out));
        Assert.Equal(
            [
                "error: stdin:3 training.epoch: an unknown key found, a key of training expected; did you mean training.epochs?",
                "error: stdin:3 training.seed: 'x' found, a whole number expected",
            ],
            wrong.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Validate_answers_programs_in_json()
    {
        using var answer = Json(Orchestrated.RunWith("model: { path: /m }\ndata: { path: /d }\n", "validate", "-", "--json", "--set", "workers=9"));
        Assert.True(answer.RootElement.GetProperty("valid").GetBoolean());
        Assert.Equal(9, answer.RootElement.GetProperty("spec").GetProperty("workers").GetInt32());
        Assert.Equal(64, answer.RootElement.GetProperty("digest").GetString()!.Length);
        Assert.Equal(3, answer.RootElement.GetProperty("warnings").GetArrayLength());
    }

    [Fact]
    public void The_schema_is_json()
    {
        using var schema = Json(Orchestrated.Run("schema"));
        Assert.Equal("object", schema.RootElement.GetProperty("type").GetString());
    }

    [Fact]
    public void Training_with_files_that_are_not_there_is_the_users_mistake()
    {
        var missing = Orchestrated.Run("train", "--model", "/no/model", "--data", "/no/data");
        Assert.Equal(ExitCodes.Mistake, missing.Code);
        Assert.Contains("--model: nothing at /no/model found", missing.Error, StringComparison.Ordinal);
        Assert.Contains("--data: nothing at /no/data found", missing.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_with_files_in_it_is_never_written_over()
    {
        var folder = Directory.CreateTempSubdirectory("orchestrator-run");
        File.WriteAllText(Path.Combine(folder.FullName, "mine.txt"), "x");
        File.WriteAllText(Path.Combine(folder.FullName, "data.json"), "[]");
        var run = Orchestrated.Run("train", "--model", folder.FullName, "--data", Path.Combine(folder.FullName, "data.json"), "--output", folder.FullName);
        Assert.Equal(ExitCodes.Mistake, run.Code);
        Assert.Contains("--resume", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_shell_is_told_what_may_come_next()
    {
        Assert.Contains("train", Orchestrated.Run("[suggest:15]", "orchestrator tr").Out, StringComparison.Ordinal);
        Assert.Contains("--workers", Orchestrated.Run("[suggest:24]", "orchestrator train --wor").Out, StringComparison.Ordinal);
        Assert.Contains("complete", Orchestrated.Run("completion", "bash").Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_coloured_where_nobody_looks()
    {
        var wrong = Orchestrated.Run("validate", "/no/such.yaml");
        Assert.DoesNotContain('\x1b', wrong.Error + wrong.Out);
    }

    [Fact]
    public void A_real_model_continues_its_sentence()
    {
        var story = Orchestrated.Run("generate", "--model", Model(), "--prompt", "Once upon a time, there was a little girl", "--temperature", "0", "--max-new-tokens", "33", "--threads", "1");
        Assert.Equal((ExitCodes.Done, ""), (story.Code, story.Error));
        Assert.StartsWith(" named Lily. She loved to play outside in the park. One day, she saw a big, red ball.", story.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_seed_gives_the_same_answer_and_json_holds_it()
    {
        string[] line = ["generate", "--model", Model(), "--instruction", "Hello", "--temperature", "1", "--top-p", "1", "--max-new-tokens", "12", "--threads", "1", "--json"];
        using var answer = Json(Orchestrated.Run([.. line, "--seed", "7"]));
        using var again = Json(Orchestrated.Run([.. line, "--seed", "7"]));
        Assert.Equal(answer.RootElement.GetProperty("text").GetString(), again.RootElement.GetProperty("text").GetString());
        Assert.Equal(7, answer.RootElement.GetProperty("seed").GetInt64());
    }

    [Fact]
    public void Records_are_shown_as_the_model_will_see_them()
    {
        var lines = Orchestrated.Run("inspect", SharedFile("data/alpaca_eval_805.json"), "--model", Model(), "--records", "3..4", "--json").Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        using var record = JsonDocument.Parse(lines[0]);
        var (ids, labels) = (record.RootElement.GetProperty("input_ids"), record.RootElement.GetProperty("labels"));
        Assert.Equal(ids.GetArrayLength(), labels.GetArrayLength());
        Assert.Equal((1, -100), (ids[0].GetInt32(), labels[0].GetInt32()));
    }

    [Fact]
    public void A_malicious_file_is_refused_by_name()
    {
        var refused = Orchestrated.Run("inspect", SharedFile("reference/checkpoints/malicious.pth"));
        Assert.Equal(ExitCodes.Mistake, refused.Code);
        Assert.Contains("posix", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_file_holds_is_told_to_programs()
    {
        using var found = Json(Orchestrated.Run("inspect", SharedFile("reference/checkpoints/adapter_len5_layer3.pth"), "--json"));
        Assert.Equal(5, found.RootElement.GetProperty("tensors").GetArrayLength());
        Assert.Equal("LLaMA-Adapter", found.RootElement.GetProperty("kind").GetString());
    }

    [Fact]
    public void Gates_that_differ_are_not_exported_to_peft()
    {
        var refused = Orchestrated.Run("export", SharedFile("reference/checkpoints/adapter_len5_layer3.pth"), "--format", "peft", "--length", "5", "--output", Path.Combine(Path.GetTempPath(), "orchestrator-peft"));
        Assert.Equal(ExitCodes.Mistake, refused.Code);
        Assert.Contains("layers.3.attention.gate", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_of_the_original_is_used_by_the_sizes_in_its_name()
    {
        var used = Orchestrated.Run("evaluate", "--model", SharedFile("reference/checkpoints/meta-fp32"), "--adapter", SharedFile("reference/checkpoints/adapter_len5_layer3.pth"),
            "--data", SharedFile("reference/run_parity/data.jsonl"), "--max-sequence-length", "48", "--threads", "1", "--json");
        using var answer = Json(used);
        Assert.InRange(answer.RootElement.GetProperty("loss").GetDouble(), 0.1, 20);
    }

    [Fact]
    public void A_first_interruption_ends_a_chat_with_130()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("there are no signals to send on Windows");
        using var chat = Orchestrated.Start("chat", "--model", Model(), "--max-new-tokens", "4", "--threads", "1");
        chat.StandardInput.WriteLine("Hello");
        chat.StandardInput.Flush();
        Assert.NotNull(chat.StandardOutput.ReadLine());      // the answer: it is listening for the next line now
        using (var kill = Process.Start("kill", ["-INT", chat.Id.ToString(CultureInfo.InvariantCulture)]))
            kill.WaitForExit();
        Assert.Equal(ExitCodes.Interrupted, Orchestrated.EndOf(chat).Code);
    }

    static JsonDocument Json(Orchestrated ended)
    {
        Assert.True(ended.Code == ExitCodes.Done, ended.Error);
        return JsonDocument.Parse(ended.Out);
    }

    static string Model() => SharedFile("models/stories260K");

    static string SharedFile(string relative)
    {
        if (Shared.Find(relative) is not { } path)
        {
            Assert.Skip($"{relative} of the shared folder is missing");
            return "";
        }
        return path;
    }
}
