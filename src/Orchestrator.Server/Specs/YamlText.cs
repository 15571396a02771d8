using Orchestrator.Protocol;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace Orchestrator.Server.Specs;

/// <summary>YAML, and therefore JSON, as a tree of nodes that know their lines. What a spec has no use for is refused before a tree is built from it.</summary>
static class YamlText
{
    const int CharactersMax = 1 << 20;
    const int DepthMax = 8; // a spec has three levels; deeper input could exhaust the stack

    /// <param name="text">one document</param>
    /// <param name="source">what to call it in problems: <c>job.yaml</c></param>
    /// <returns>the root, or null if there is nothing but white space and comments</returns>
    /// <exception cref="ProblemException">the text is no YAML, is too large or too deep, names a key twice, or uses anchors</exception>
    public static YamlNode? Parse(string text, string source)
    {
        if (text.Length > CharactersMax)
            throw new ProblemException(source, $"{text.Length} characters", $"a spec of at most {CharactersMax}");
        try
        {
            RefuseWhatASpecHasNoUseFor(text, source);
            var stream = new YamlStream();
            stream.Load(new StringReader(text));
            return stream.Documents.Count switch
            {
                0 => null,
                1 => stream.Documents[0].RootNode,
                _ => throw new ProblemException($"{source}:{stream.Documents[1].RootNode.Start.Line}", "a second document", "one spec per file"),
            };
        }
        catch (InvalidOperationException)
        {
            // YamlDotNet's scanner says it so of a plain value such as s[_ within a list: found by mutating specs.
            throw new ProblemException(source, "a text that cannot be read", "YAML or JSON", "a value with brackets needs quotes");
        }
        catch (YamlException e)
        {
            throw new ProblemException($"{source}:{e.Start.Line}", e.Message.Trim().TrimEnd('.'), "YAML or JSON with each key once");
        }
    }

    static void RefuseWhatASpecHasNoUseFor(string text, string source)
    {
        var depth = 0;
        for (var parser = new Parser(new StringReader(text)); parser.MoveNext();)
        {
            var here = parser.Current!;
            depth += here.NestingIncrease;
            if (here is AnchorAlias or NodeEvent { Anchor.IsEmpty: false })
                throw new ProblemException($"{source}:{here.Start.Line}", "an anchor or alias", "values written where they belong");
            if (depth > DepthMax)
                throw new ProblemException($"{source}:{here.Start.Line}", $"more than {DepthMax} levels", "the three levels of a spec");
        }
    }
}
