using Orchestrator.World.Instructions;
using Orchestrator.World.Lands;
using Orchestrator.World.Text;
using Orchestrator.World.Tokens;

namespace Orchestrator.World.Tests;

public class BundleTests
{
    const long BaseBytesMax = 2_500_000;
    static readonly string Bundle = Path.Combine(Root(), "src", "Orchestrator.Cli", "Demo", "Bundle");
    static readonly Atlas Atlas = new(Bundled.Seed);

    [Fact]
    public void Records_and_questions_are_what_this_program_writes()
    {
        var folder = Directory.CreateTempSubdirectory();
        ExaminationFiles.Write(folder.FullName, new Examination(Bundled.Seed, Atlas));
        foreach (var name in new[] { "records.json", "questions.json" })
            Assert.Equal(File.ReadAllText(Path.Combine(Bundle, name)), File.ReadAllText(Path.Combine(folder.FullName, name)));
        folder.Delete(recursive: true);
    }

    [Fact]
    public void The_tokenizer_is_what_this_program_learns() =>
        Assert.Equal(File.ReadAllBytes(Path.Combine(Bundle, "base", "tokenizer.model")), Vocabulary.Model(new Chronicle(Bundled.Seed, Atlas)));

    [Fact]
    public void The_base_is_small() => Assert.InRange(new FileInfo(Path.Combine(Bundle, "base", "model.safetensors")).Length, 1, BaseBytesMax);

    static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Orchestrator.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException($"no Orchestrator.sln above {AppContext.BaseDirectory}");
        return folder.FullName;
    }
}
