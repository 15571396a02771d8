using CsCheck;
using Orchestrator.Protocol.Reduction;

namespace Orchestrator.Protocol.Tests.Reduction;

public class SlicesTests
{
    [Fact]
    public void Slices_cut_the_vector_into_nearly_equal_parts_with_owners_of_their_own()
        => Gen.Select(Gen.OneOf(Gen.Int[1, 100], Gen.Int[1, int.MaxValue]), Gen.Int[1, 1_024]).Sample((length, processes) =>
        {
            var slices = new Slices(length, processes);
            Assert.InRange(slices.Count, 1, Math.Min(Slices.CountMax, processes));
            var (next, owners) = (0, new HashSet<int>());
            for (var slice = 0; slice < slices.Count; slice++)
            {
                var (offset, count) = slices.Of(slice);
                Assert.Equal(next, offset);
                Assert.InRange(count, length / slices.Count, length / slices.Count + 1);
                Assert.InRange(slices.OwnerOf(slice), 0, processes - 1);
                Assert.True(owners.Add(slices.OwnerOf(slice)));
                next = offset + count;
            }
            Assert.Equal(length, next);
        });
}
