using Orchestrator.Learning.Data;
using Orchestrator.World;
using Orchestrator.World.Bases;
using Orchestrator.World.Checks;
using Orchestrator.World.Instructions;
using Orchestrator.World.Lands;
using Orchestrator.World.Text;
using Orchestrator.World.Tokens;

// The invented world of the demonstration, as a function of a seed.
const long Seed = Bundled.Seed;
const string Usage =
    """
    usage: Orchestrator.World text COUNT       print the first documents of the chronicle
           Orchestrator.World records FOLDER   write records.json and questions.json
           Orchestrator.World base FOLDER      write tokenizer.model, pre-train the base on one thread, write config.json and model.safetensors
           Orchestrator.World assay FOLDER RECORDS
                                               measure a base, alone and with adapters of three seeds
    """;

var atlas = new Atlas(Seed);
var chronicle = new Chronicle(Seed, atlas);
switch (args)
{
    case ["text", var count] when int.TryParse(count, out var documents):
        for (var i = 0; i < documents; i++)
            Console.WriteLine($"{chronicle.Document(i)}\n");
        return 0;
    case ["records", var folder]:
        ExaminationFiles.Write(folder, new Examination(Seed, atlas));
        return 0;
    case ["base", var folder]:
        MakeBase(folder);
        return 0;
    case ["assay", var folder, var records]:
        using (var assay = new Assay(folder, atlas, new Examination(Seed, atlas)))
        {
            assay.Base(Console.Out);
            for (var seed = 0; seed < 3; seed++)
                assay.Adapted(records, seed, Console.Out);
        }
        return 0;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}

void MakeBase(string folder)
{
    var tokenizerPath = Vocabulary.Write(folder, chronicle);
    var text = new TextRows(chronicle, Tokenizer.Open(tokenizerPath));
    var shapes = BaseShapes.Of(SentencePieceFile.Reserved + Vocabulary.Pieces);
    using var start = StartWeights.Of(shapes, Seed);
    var trained = Pretraining.Run(start, text, (step, loss) =>
    {
        if (step % 50 == 0)
            Console.WriteLine($"step {step} of {Pretraining.Steps}, loss {loss:f3}");
    });
    HuggingFaceWriter.Write(folder, shapes, trained);
}
