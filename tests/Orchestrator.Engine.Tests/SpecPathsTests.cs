using Orchestrator.Protocol;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Engine.Tests;

/// <summary>Which files a spec may name where folders are set for them.</summary>
public sealed class SpecPathsTests : IDisposable
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("orchestrator-paths-");

    public SpecPathsTests()
    {
        folder.CreateSubdirectory("root/below");
        folder.CreateSubdirectory("rooted");
        foreach (var file in new[] { "root/below/here.json", "rooted/there.json", "secret.json" })
            File.WriteAllText(Place(file), "[]");
        Link("root/out.json", Place("secret.json"));
        Link("root/up.json", "../secret.json");
        Link("root/in.json", "below/here.json");
        Link("root/around", "around");
        Directory.CreateSymbolicLink(Place("root/away"), folder.FullName);
        Directory.CreateSymbolicLink(Place("alias"), Place("root"));
    }

    public void Dispose() => folder.Delete(recursive: true);

    string Place(string path) => Path.Combine(folder.FullName, path);

    void Link(string at, string to) => File.CreateSymbolicLink(Place(at), to);

    bool Allows(string path, params string[] roots) => !SpecPaths.Outside(Spec(path), roots).Any();

    static JobSpec Spec(string data) => new() { Name = "a", Model = new ModelSpec { Path = "llama" }, Data = new DataSpec { Path = data } };

    [Fact]
    public void What_lies_below_a_root_is_allowed_by_whatever_name_the_root_has()
    {
        foreach (var path in new[] { "root/below/here.json", "root/in.json", "root/not/yet.json", "alias/below/here.json" })
            Assert.True(Allows(Place(path), Place("root")), path);
        Assert.True(Allows(Place("root/below/here.json"), Place("alias")));
        Assert.True(Allows("sha256:" + new string('a', 64), Place("root")));
    }

    [Fact]
    public void What_leads_out_of_the_roots_is_refused_by_whatever_way()
    {
        foreach (var path in new[] { "secret.json", "rooted/there.json", "root/../secret.json", "root/below/../../secret.json", "root/out.json", "root/up.json", "root/away/secret.json", "root/around" })
            Assert.False(Allows(Place(path), Place("root")), path);
        Assert.False(Allows("../secret.json", Place("root")));
        Assert.False(Allows("out.json", Place("root")));
        Assert.False(Allows("/etc/passwd", Place("root")));
        Assert.False(Allows("/etc/passwd"));
    }

    [Fact]
    public void Every_path_of_a_spec_is_looked_at_and_each_that_leads_out_is_told()
    {
        var spec = Spec("/etc/passwd") with { Model = new ModelSpec { Path = "/etc", Tokenizer = "/etc/hosts" } };
        Assert.Equal(["model.path", "model.tokenizer", "data.path"], SpecPaths.Outside(spec, [Place("root")]).Select(one => one.Place));
        Assert.Empty(SpecPaths.Outside(spec, null));
    }

    [Fact]
    public void A_worker_refuses_them_too_and_never_looks_in_its_working_folder()
    {
        var files = new LocalFiles(new EngineOptions { Process = "a", CacheFolder = Place("cache"), PathRoots = [Place("root")] });
        Assert.Throws<ProblemException>(() => files.Locate(Spec(Place("root/out.json"))));
        Assert.Equal(Place("root/llama"), files.Locate(Spec(Place("root/in.json"))).Model.Path);
    }
}
