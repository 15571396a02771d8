using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Protocol;
using Spectre.Console;

namespace Orchestrator.Cli;

/// <summary>
/// Where a verb speaks. The answer goes to standard output: tables for people, or JSON for programs; everything about the answer goes to standard error.
/// A stream that is no terminal gets plain text, and <c>NO_COLOR</c> is honoured (no-color.org).
/// </summary>
sealed class Output
{
    static readonly JsonSerializerOptions jsonOptions = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DictionaryKeyPolicy = null,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <param name="outWriter">standard output</param>
    /// <param name="errorWriter">standard error</param>
    /// <param name="outIsTerminal">whether a person looks at the first</param>
    /// <param name="errorIsTerminal">whether a person looks at the second</param>
    /// <param name="json">whether a program reads the first</param>
    public Output(TextWriter outWriter, TextWriter errorWriter, bool outIsTerminal, bool errorIsTerminal, bool json)
    {
        (Out, ErrorWriter, ErrorIsTerminal, IsJson) = (outWriter, errorWriter, errorIsTerminal, json);
        OutIsTerminal = outIsTerminal;
        outConsole = Console(outWriter, outIsTerminal);
        ErrorConsole = Console(errorWriter, errorIsTerminal);
    }

    readonly IAnsiConsole outConsole;

    /// <summary>This process's console.</summary>
    public static Output OfConsole(bool json)
        => new(System.Console.Out, System.Console.Error, IsTerminal(System.Console.IsOutputRedirected), IsTerminal(System.Console.IsErrorRedirected), json);

    /// <summary>Whether the answer is JSON.</summary>
    public bool IsJson { get; }

    /// <summary>Standard output, for text that streams.</summary>
    public TextWriter Out { get; }

    /// <summary>Whether standard output is a terminal.</summary>
    public bool OutIsTerminal { get; }

    /// <summary>Standard error.</summary>
    public TextWriter ErrorWriter { get; }

    /// <summary>Whether standard error is a terminal, so that lines may be rewritten there.</summary>
    public bool ErrorIsTerminal { get; }

    /// <summary>Standard error with colours, where it has them.</summary>
    public IAnsiConsole ErrorConsole { get; }

    /// <summary>One line of the answer.</summary>
    public void Line(string text = "") => Out.WriteLine(text);

    /// <summary>One line of the answer in Spectre's markup.</summary>
    public void Styled(string markup) => outConsole.MarkupLine(markup);

    /// <summary>One line of JSON.</summary>
    public void JsonLine<T>(T value) => Out.WriteLine(JsonSerializer.Serialize(value, jsonOptions));

    /// <summary>The answer as a list of names and values.</summary>
    public void Facts(string title, IEnumerable<(string Name, string Value)> facts)
    {
        var all = facts.ToList();
        var width = all.Select(fact => fact.Name.Length).DefaultIfEmpty().Max() + 3;
        if (title.Length > 0)
            Line(title);
        foreach (var (name, value) in all)
        {
            outConsole.Markup($"[dim]{Markup.Escape(name.PadRight(width))}[/]");
            Line(value);      // past the console's wrapping: a digest stays whole
        }
    }

    /// <summary>The answer as a table.</summary>
    /// <param name="columns">headings; one that ends with a <c>#</c> is a column of numbers and stands to the right, without the sign</param>
    /// <param name="rows">as many values as columns</param>
    public void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table { Border = OutIsTerminal ? TableBorder.Rounded : TableBorder.None };
        foreach (var column in columns)
            table.AddColumn(column.EndsWith('#') ? new TableColumn(new Text(column[..^1])).RightAligned() : new TableColumn(new Text(column)));
        foreach (var row in rows)
            table.AddRow(row.Select(value => new Text(value)));
        outConsole.Write(table);
    }

    /// <summary>Something worth knowing; the work goes on.</summary>
    public void Warning(string text) => Marked("yellow", "warning:", text);

    /// <summary>What went wrong, in a sentence.</summary>
    public void Error(string text) => Marked("red", "error:", text);

    /// <summary>Everything that the user has to mend, a line each.</summary>
    public void Problems(IEnumerable<Problem> problems)
    {
        foreach (var problem in problems)
            Error(problem.ToString());
    }

    /// <summary>A failure that is not the user's: one line, and everything only for those who ask.</summary>
    public void Failure(Exception e)
    {
        Error(e.Message.ReplaceLineEndings(" "));
        if (Environment.GetEnvironmentVariable("ORCHESTRATOR_DEBUG") is { Length: > 0 } and not "0")
            ErrorWriter.WriteLine(e);
        else
            ErrorWriter.WriteLine($"({e.GetType().Name}; ORCHESTRATOR_DEBUG=1 shows where)");
    }

    /// <summary>The answer to a first Ctrl-C.</summary>
    public void Interrupted() => Marked("yellow", "interrupted:", "coming to an end; once more stops at once");

    void Marked(string colour, string mark, string text)
    {
        // Text goes past the console's wrapping: a long path stays whole, and a program that reads the lines sees one line per problem.
        ErrorConsole.Markup($"[{colour}]{mark}[/] ");
        ErrorWriter.WriteLine(text);
    }

    static IAnsiConsole Console(TextWriter writer, bool isTerminal)
    {
        var hasColour = isTerminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isTerminal ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = hasColour ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
        });
        if (!isTerminal)
            console.Profile.Width = 1000; // a file has no edge to wrap at
        return console;
    }

    static bool IsTerminal(bool redirected) => !redirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
}
