using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Orchestrator.Collectives;

/// <summary>
/// Memory for the server's connections in blocks of 64 KiB instead of 4: what comes from a socket in one call is as long as a block, and a gradient comes in megabytes.
/// </summary>
sealed class LargeBlocks : IMemoryPoolFactory<byte>
{
    /// <inheritdoc/>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool();

    sealed class Pool : MemoryPool<byte>
    {
        const int BlockBytes = 64 << 10;
        const int IdleMax = 256;            // 16 MiB a pool; what is more goes to the collector

        readonly ConcurrentQueue<Block> idle = new();
        volatile bool closed;

        public override int MaxBufferSize => BlockBytes;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
            return idle.TryDequeue(out var block) ? block : new Block(this, GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true));
        }

        protected override void Dispose(bool disposing)
        {
            closed = true;
            idle.Clear();
        }

        void Return(Block block)
        {
            if (!closed && idle.Count < IdleMax)
                idle.Enqueue(block);
        }

        sealed class Block(Pool pool, byte[] bytes) : IMemoryOwner<byte>
        {
            public Memory<byte> Memory { get; } = bytes;

            public void Dispose() => pool.Return(this);
        }
    }
}
