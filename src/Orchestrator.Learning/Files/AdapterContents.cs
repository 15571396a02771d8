using TorchSharp;

namespace Orchestrator.Learning.Files;

/// <summary>The trained tensors of an adapter, in fp32 and in the file's order, whatever the method.</summary>
/// <param name="Tensors">by the original's names; for a method that trains the base by Meta's. They belong to this object.</param>
/// <param name="Metadata">what the file says beside them</param>
public sealed record AdapterContents(IReadOnlyDictionary<string, torch.Tensor> Tensors, IReadOnlyDictionary<string, string> Metadata) : IDisposable
{
    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        foreach (var tensor in Tensors.Values)
            tensor.Dispose();
    }
}
