using Orchestrator.Learning.Training;
using static TorchSharp.torch;

namespace Orchestrator.Learning.Llama;

/// <summary>
/// The model's mathematics as TorchScript: one call goes through all layers, so that a pass makes a handful of managed objects and not one per operation. The
/// operations are the same that a call each would run, one after another as written: see <see cref="DeterministicTorch"/> for what is switched off.
/// </summary>
static class LlamaScript
{
    const int Float32 = (int)ScalarType.Float32;
    const int Float64 = (int)ScalarType.Float64;

    // RMSNorm (arXiv 1910.07467), rotary positions (arXiv 2104.09864) in Meta's layout, and rows to heads.
    const string Parts = """
        def rms_norm(x, weight, epsilon: float):
            return x * x.square().mean([-1], keepdim=True).add_(epsilon).rsqrt_() * weight

        def turned(x, turns, wide: int):                        # x [rows, heads, d], turns [rows, 1, d/2] complex, computed in the wide type
            pairs = torch.view_as_complex(x.to(wide).view(x.size(0), x.size(1), -1, 2))
            return torch.view_as_real(pairs * turns).view(x.size(0), x.size(1), -1).to(x.dtype)

        def product(x, weight, few: bool):                      # [rows, D] -> [rows, outputs]
            # Of few rows the weights are what is read. MKL reads them at twice the rate (10 to 20 GB/s) as the left side of a product of at least two columns.
            if few:
                rows = x.size(0)
                if rows == 1:
                    x = torch.cat([x, x])
                return torch.mm(weight, x.t()).narrow(1, 0, rows).t().contiguous()
            return torch.linear(x, weight)

        def heads(x, weight, count: int, few: bool):            # [rows, D] -> [rows, count, d]
            return product(x, weight, few).view(x.size(0), count, -1)

        """;

    // Scaled dot-product attention with grouped queries (arXiv 2305.13245): query head h looks at key and value head h / (H / Hkv), and the queries that share
    // one are rows of one product. Plain products and no fused kernel: as fast for segments of this length (twice as fast in bf16, whose fused backward is slow
    // on a CPU), and on a GPU the fused kernels' backward adds in no fixed order.
    const string Attention = """
        def scores(q, k, wide: int):                            # q [H, t, d], k [Hkv, c, d] -> [H, t, c]
            grouped = q.reshape(k.size(0), -1, q.size(2))
            return torch.matmul(grouped, k.transpose(1, 2)).view(q.size(0), q.size(1), -1).to(wide).div_(torch.sqrt(q.size(2)))

        def weighted(weights, v):                               # weights [H, t, c], v [Hkv, c, d] -> [H, t, d]
            return torch.matmul(weights.view(v.size(0), -1, v.size(1)), v).view(weights.size(0), weights.size(1), -1)

        def attention(q, k, v, mask):                           # mask [t, c] of 0 and -inf, wide
            return weighted(scores(q, k, mask.dtype).add_(mask).softmax(-1).to(q.dtype), v)

        def prompted(q, k, v, gate):                            # a softmax of its own; every query sees every slot (arXiv 2303.16199, section 3.2)
            weights = scores(q, k, gate.dtype).softmax(-1) * gate
            return weighted(weights, v.to(weights.dtype)).to(q.dtype)

        """;

    // What attends to what: groups of rows, each with the chain of segments that it sees; row r of a segment sees its ancestors and the segment up to itself.
    const string Groups = """
        def chain_of(segments: List[int], segment: int) -> List[int]:                               # a segment and its ancestors, the beginning first
            chain = [segment]
            while segments[3 * chain[0] + 2] >= 0:
                chain = [segments[3 * chain[0] + 2]] + chain
            return chain

        def keys_before(segments: List[int], chain: List[int], pasts: List[int]) -> int:
            count = 0
            if len(pasts) > 0:
                count = pasts[chain[0]]
            for at in range(len(chain) - 1):
                count += segments[3 * chain[at] + 1]
            return count

        def mask_of(own, keys: int, wide: int):                 # own [t]: which key is each row's own
            hidden = torch.arange(keys, device=own.device).unsqueeze(0) > own.unsqueeze(1)
            return torch.zeros(hidden.size(), dtype=wide, device=own.device).masked_fill_(hidden, float("-inf"))

        def masks_of(rows, groups: List[int], segments: List[int], pasts: List[int], wide: int) -> List[Tensor]:
            masks: List[Tensor] = []
            first = 0
            for g in range(len(groups) // 2):
                segment = groups[2 * g]
                before = keys_before(segments, chain_of(segments, segment), pasts)
                own = rows.narrow(0, first, groups[2 * g + 1]) + (before - segments[3 * segment])
                masks.append(mask_of(own, before + segments[3 * segment + 1], wide))
                first += groups[2 * g + 1]
            return masks

        def lengths_of(entries: List[int], width: int) -> List[int]:                                # the second of each entry
            lengths: List[int] = []
            for entry in range(len(entries) // width):
                lengths.append(entries[width * entry + 1])
            return lengths

        def joined(pieces: List[Tensor], chain: List[int]):
            if len(chain) == 1:
                return pieces[chain[0]]
            parts: List[Tensor] = []
            for segment in chain:
                parts.append(pieces[segment])
            return torch.cat(parts, 1)

        def attended(q, k, v, groups: List[int], segments: List[int], masks: List[Tensor]):         # q [H, rows of the groups, d], k and v [Hkv, rows, d]
            queries = q.split_with_sizes(lengths_of(groups, 2), 1)                                  # one split, so that its backward is one concatenation
            keys = k.split_with_sizes(lengths_of(segments, 3), 1)
            values = v.split_with_sizes(lengths_of(segments, 3), 1)
            outputs: List[Tensor] = []
            for g in range(len(queries)):
                chain = chain_of(segments, groups[2 * g])
                outputs.append(attention(queries[g], joined(keys, chain), joined(values, chain), masks[g]))
            if len(outputs) == 1:
                return outputs[0]
            return torch.cat(outputs, 1)

        """;

    // Texts that go on: each is a segment, and what it was so far is its slot of the cache, [texts, Hkv, capacity, d].
    const string Pasts = """
        def keep(cache, part, segments: List[int], pasts: List[int]):                               # part [Hkv, rows, d]
            for s in range(len(pasts)):
                cache[s].narrow(1, pasts[s], segments[3 * s + 1]).copy_(part.narrow(1, segments[3 * s], segments[3 * s + 1]))

        def attended_past(q, keys, values, groups: List[int], segments: List[int], pasts: List[int], masks: List[Tensor]):
            queries = q.split_with_sizes(lengths_of(groups, 2), 1)
            outputs: List[Tensor] = []
            for g in range(len(queries)):
                s = groups[2 * g]
                end = pasts[s] + segments[3 * s + 1]
                outputs.append(attention(queries[g], keys[s].narrow(1, 0, end), values[s].narrow(1, 0, end), masks[g]))
            if len(outputs) == 1:
                return outputs[0]
            return torch.cat(outputs, 1)

        # One more token of each text: all of them at once, what is beyond a text's end hidden.
        def places_of(pasts, key_heads: int, capacity: int):                                        # pasts [texts] -> [texts Hkv], rows of the cache
            heads_before = torch.arange(pasts.size(0) * key_heads, device=pasts.device).view(-1, key_heads)
            return (heads_before * capacity + pasts.unsqueeze(1)).flatten()

        def stepped(q, k, v, keys, values, places, mask):                                           # q [H, texts, d], mask [texts, 1, 1, c], wide
            keys.view(-1, keys.size(3)).index_copy_(0, places, k.transpose(0, 1).reshape(-1, keys.size(3)))
            values.view(-1, keys.size(3)).index_copy_(0, places, v.transpose(0, 1).reshape(-1, keys.size(3)))
            grouped = q.transpose(0, 1).reshape(keys.size(0), keys.size(1), -1, keys.size(3))
            s = torch.matmul(grouped, keys.narrow(2, 0, mask.size(3)).transpose(2, 3)).to(mask.dtype).div_(torch.sqrt(keys.size(3))).add_(mask)
            a = torch.matmul(s.softmax(-1).to(q.dtype), values.narrow(2, 0, mask.size(3)))          # [texts, Hkv, H / Hkv, d]
            return a.reshape(keys.size(0), -1, keys.size(3)).transpose(0, 1)

        """;

    // The network. Weights stand in the order of WeightList; above the last layer's keys and values only the wanted rows go on.
    const string Network = """
        def projected(prompts: List[Tensor], weights: List[Tensor], key_heads: int) -> List[Tensor]:
            # (slots [K, D], gate) of each layer -> (keys [Hkv, K, d], values [Hkv, K, d], gate): through the frozen projections, without norm and rotation
            result: List[Tensor] = []
            for layer in range(len(prompts) // 2):
                slots = prompts[2 * layer]
                if slots.numel() == 0:
                    result += [slots, slots, slots]
                else:
                    slots = slots.to(weights[9 * layer + 3].dtype)
                    keys = heads(slots, weights[9 * layer + 3], key_heads, False).transpose(0, 1)
                    values = heads(slots, weights[9 * layer + 4], key_heads, False).transpose(0, 1)
                    result += [keys, values, prompts[2 * layer + 1]]
            return result

        def logits(numbers, cache: List[Tensor], table, weights: List[Tensor], prompts: List[Tensor], prompts_projected: bool,
                   lowest_trained: int, layers: int, query_heads: int, key_heads: int, last_norm: int, output: int, epsilon_of_norms):
            epsilon = float(epsilon_of_norms)
            counts: List[int] = numbers.narrow(0, 0, 5).tolist()                                    # of rows, segments, wanted rows, runs of wanted rows, pasts
            parts = numbers.narrow(0, 5, numbers.size(0) - 5).split_with_sizes([counts[0], counts[0], 3 * counts[1], counts[2], 2 * counts[3], counts[4]])
            tokens = parts[0].to(weights[0].device)
            turns = table.index_select(0, parts[1].to(table.device)).unsqueeze(1)                   # [rows, 1, d/2]
            segments: List[int] = parts[2].tolist()                                                 # (start, length, parent)
            wanted = parts[3].to(weights[0].device)
            runs: List[int] = parts[4].tolist()                                                     # (segment, wanted rows)
            pasts: List[int] = parts[5].tolist()                                                    # of each segment, where there is a cache
            all: List[int] = []                                                                     # (segment, rows)
            for segment in range(counts[1]):
                all += [segment, segments[3 * segment + 1]]

            narrow = weights[2].dtype
            wide = weights[1].dtype
            steps = len(cache) > 0 and counts[0] == counts[1]                                       # one more token of each text
            few = steps and counts[0] <= 8 and narrow == wide and not tokens.is_cuda
            masks: List[Tensor] = []
            masks_wanted: List[Tensor] = []
            places = wanted
            if steps:
                own = parts[5].to(tokens.device)
                places = places_of(own, key_heads, cache[0].size(2))
                masks = [mask_of(own, max(pasts) + 1, wide).unsqueeze(1).unsqueeze(1)]
            else:
                masks = masks_of(torch.arange(counts[0], device=tokens.device), all, segments, pasts, wide)
                masks_wanted = masks_of(wanted, runs, segments, pasts, wide)
            if not prompts_projected:
                prompts = projected(prompts, weights, key_heads)
            # Both are the same rows; each one's backward adds in a fixed order on its device only.
            if tokens.is_cuda:
                x = weights[0][tokens].to(wide)
            else:
                x = weights[0].index_select(0, tokens).to(wide)                                     # [rows, D]

            for layer in range(layers):
                attention_norm, wq, wk, wv, wo, ffn_norm, w1, w2, w3 = weights[9 * layer + 1 : 9 * layer + 10]
                n = rms_norm(x, attention_norm, epsilon).to(narrow)
                k = turned(heads(n, wk, key_heads, few), turns, wide).transpose(0, 1)                    # [Hkv, rows, d]
                v = heads(n, wv, key_heads, few).transpose(0, 1)
                groups = all
                if layer == layers - 1:
                    x = x.index_select(0, wanted)
                    n = n.index_select(0, wanted)
                    turns = turns.index_select(0, wanted)
                    groups = runs
                    if not steps:
                        masks = masks_wanted
                q = turned(heads(n, wq, query_heads, few), turns, wide).transpose(0, 1)                  # [H, rows or wanted, d]
                if len(cache) == 0:
                    a = attended(q, k, v, groups, segments, masks)
                elif steps:
                    a = stepped(q, k, v, cache[2 * layer], cache[2 * layer + 1], places, masks[0])
                else:
                    keep(cache[2 * layer], k, segments, pasts)
                    keep(cache[2 * layer + 1], v, segments, pasts)
                    a = attended_past(q, cache[2 * layer], cache[2 * layer + 1], groups, segments, pasts, masks)
                if prompts[3 * layer].numel() > 0:
                    a = a + prompted(q, prompts[3 * layer], prompts[3 * layer + 1], prompts[3 * layer + 2])
                x = x + product(a.transpose(0, 1).flatten(1), wo, few)
                n = rms_norm(x, ffn_norm, epsilon).to(narrow)
                x = x + product(torch.silu(product(n, w1, few)) * product(n, w3, few), w2, few)
                if layer < lowest_trained:
                    x = x.detach()                                                                  # nothing below needs a gradient
            return product(rms_norm(x, weights[last_norm], epsilon).to(narrow), weights[output], few).to(wide)

        """;

    // The loss and its gradient.
    static readonly string Loss = $"""
        def token_losses(logits, labels):
            return torch.cross_entropy_loss(logits, labels.to(logits.device), None, 0).to({Float64}).sum()

        def gradient(loss, parameters: List[Tensor]):           # of all parameters, one behind another, fp32 on the CPU
            parts: List[Tensor] = []
            for part in torch.autograd.grad([loss], parameters):
                assert part is not None
                parts.append(part.flatten())
            return torch.cat(parts).to(torch.zeros([0], dtype={Float32}))

        """;

    static readonly jit.CompilationUnit functions = Compiled();

    /// <summary>Calls a function.</summary>
    /// <param name="function">its name</param>
    /// <param name="arguments">tensors, arrays of them, int or bool. No long and no double: what TorchSharp wraps them in is not kept alive during the call.</param>
    public static Tensor Call(string function, params object[] arguments) => (Tensor)functions.invoke(function, arguments);

    /// <summary>Calls a function that gives a list.</summary>
    public static Tensor[] CallForList(string function, params object[] arguments) => (Tensor[])functions.invoke(function, arguments);

    static jit.CompilationUnit Compiled()
    {
        DeterministicTorch.PrepareProcess();
        return jit.compile(Parts + Attention + Groups + Pasts + Network + Loss);
    }
}
