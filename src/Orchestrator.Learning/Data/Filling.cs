namespace Orchestrator.Learning.Data;

/// <summary>A list whose memory is handed out, and used again once it is cleared.</summary>
sealed class Filling<T>
{
    T[] items = new T[256];

    /// <summary>How many items there are.</summary>
    public int Count { get; private set; }

    /// <summary>All items; valid until <see cref="Clear"/>.</summary>
    public ReadOnlyMemory<T> Filled => items.AsMemory(0, Count);

    /// <summary>An item, by its place.</summary>
    public T this[int index]
    {
        get => Filled.Span[index];
        set => items.AsSpan(0, Count)[index] = value;
    }

    /// <summary>Adds one.</summary>
    public void Add(T item)
    {
        if (Count == items.Length)
            Array.Resize(ref items, 2 * Count);
        items[Count++] = item;
    }

    /// <summary>Adds all of them.</summary>
    public void AddRange(ReadOnlySpan<T> more)
    {
        foreach (var item in more)
            Add(item);
    }

    /// <summary>Begins anew in the same memory.</summary>
    public void Clear() => Count = 0;
}
