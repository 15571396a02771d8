using TorchSharp;

namespace Orchestrator.Learning.Tests;

public class NativeLibraryTests
{
    [Fact]
    public void Libtorch_loads_and_multiplies_on_this_platform()
    {
        using var scope = torch.NewDisposeScope();
        var product = torch.mm(torch.ones(2, 3), torch.ones(3, 2));
        Assert.Equal([3f, 3f, 3f, 3f], product.data<float>().ToArray());
    }
}
