using static TorchSharp.torch;

namespace Orchestrator.Learning.Kernels;

/// <summary>Matrices that are laid out anew for each micro-batch in memory that stays.</summary>
/// <param name="operand">the type of products' operands</param>
class Matrices(ScalarType operand) : IDisposable
{
    readonly List<Storage> storages = [];
    int next;

    /// <summary>Bytes that they hold.</summary>
    public long Bytes
    {
        get
        {
            var bytes = 0L;
            foreach (var storage in storages)
                bytes += storage.Bytes;
            return bytes;
        }
    }

    /// <summary>Begins to lay out; matrices are taken in the same order each time.</summary>
    protected void Begin() => next = 0;

    /// <summary>The next matrix of fp32.</summary>
    protected Matrix Wide(int rows, int columns) => Next(ScalarType.Float32).Of(rows, columns);

    /// <summary>The next matrix of operands.</summary>
    protected Matrix Operand(int rows, int columns) => Next(operand).Of(rows, columns);

    /// <summary>Gives the memory back; what is laid out next takes it anew.</summary>
    public void Dispose()
    {
        foreach (var storage in storages)
            storage.Dispose();
        storages.Clear();
    }

    Storage Next(ScalarType type)
    {
        if (next == storages.Count)
            storages.Add(new Storage(type));
        return storages[next++];
    }
}
