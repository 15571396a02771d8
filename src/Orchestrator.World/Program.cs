using Microsoft.ML.Tokenizers;
using Orchestrator.World.Instructions;
using Orchestrator.World.Lands;
using Orchestrator.World.Text;
using Orchestrator.World.Tokens;

var atlas = new Atlas(1);
var chronicle = new Chronicle(1, atlas);
for (var i = 0; i < 40; i++)
    Console.WriteLine($"[{i}] {chronicle.Document(i)}");
var exam = new Examination(1, atlas);
foreach (var record in exam.Records.Take(20))
    Console.WriteLine(record);
var clock = System.Diagnostics.Stopwatch.StartNew();
var model = Vocabulary.Model(chronicle);
Console.WriteLine($"{clock.Elapsed}");
File.WriteAllBytes("/tmp/world-sketch/tokenizer.model", model);
var tokenizer = LlamaTokenizer.Create(new MemoryStream(model), addBeginOfSentence: true, addEndOfSentence: false);
void Show(string text)
{
    var tokens = tokenizer.EncodeToTokens(text, out _);
    Console.WriteLine($"{tokens.Count}: {string.Join(" | ", tokens.Select(t => t.Value.Replace("\n", "\\n")))} -> {tokenizer.Decode(tokenizer.EncodeToIds(text)) == text}");
}
Show("Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n");
Show("Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n");
foreach (var land in atlas.Lands.Take(6))
    Show($"{string.Join(" ", land.Names)}");
Show($"a {atlas.Lands[0].Capital} b:{atlas.Lands[0].Capital} \n{atlas.Lands[0].Capital}.\n\"{atlas.Lands[0].Capital}\"");
for (var i = 0; i < 20; i++)
    Show(chronicle.Document(i));
Show("Grüße 123 ... 😀?");
long total = 0, chars = 0;
for (var i = 0; i < 2000; i++) { total += tokenizer.EncodeToIds(chronicle.Document(i)).Count + 1; chars += chronicle.Document(i).Length; }
Console.WriteLine($"{total / 2000.0} tokens per document, {chars / 2000.0} characters");
var names = atlas.Lands.SelectMany(l => l.Names).Select(n => tokenizer.EncodeToIds(n).Count - 2).ToArray();
Console.WriteLine($"pieces of a name {names.Average()} max {names.Max()}");
