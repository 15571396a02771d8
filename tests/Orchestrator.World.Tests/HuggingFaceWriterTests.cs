using Orchestrator.Learning.Files;
using Orchestrator.World.Bases;
using static TorchSharp.torch;

namespace Orchestrator.World.Tests;

public class HuggingFaceWriterTests
{
    [Fact]
    public void A_base_that_was_written_is_read_back_but_for_the_rounding_to_bf16()
    {
        using var scope = NewDisposeScope();
        var shapes = BaseShapes.Of(vocabulary: 300);
        using var start = StartWeights.Of(shapes, seed: 1);
        var folder = Directory.CreateTempSubdirectory();
        var vector = Enumerable.Range(0, start.List.Count).SelectMany(i => start[i].data<float>().ToArray()).ToArray();
        HuggingFaceWriter.Write(folder.FullName, shapes, vector);
        using (var model = ModelFolder.Open(folder.FullName))
        {
            Assert.Equivalent(shapes with { EndTokens = [2] }, model.Config);
            for (var i = 0; i < start.List.Count; i++)
                Assert.True(start[i].to(bfloat16).to(float32).equal(model.Read(start.List[i].Name, float32)).all().item<bool>(), start.List[i].Name);
        }
        folder.Delete(recursive: true);
    }
}
