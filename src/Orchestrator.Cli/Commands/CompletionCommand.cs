using System.CommandLine;

namespace Orchestrator.Cli.Commands;

/// <summary><c>completion</c>: the few lines that let a shell ask this command what may come next.</summary>
sealed class CompletionCommand : Verb<string>
{
    static readonly Dictionary<string, string> scripts = new()
    {
        ["bash"] = """
            # eval "$(orchestrator completion bash)"
            _orchestrator() {
                local IFS=$'\n'
                COMPREPLY=($(compgen -W "$(orchestrator "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -o default -F _orchestrator orchestrator
            """,
        ["zsh"] = """
            # eval "$(orchestrator completion zsh)"
            _orchestrator() {
                local -a found=("${(@f)$(orchestrator "[suggest:${#BUFFER}]" "$BUFFER" 2>/dev/null)}")
                [[ -n "$found" ]] && compadd -- $found || _files
            }
            compdef _orchestrator orchestrator
            """,
        ["fish"] = """
            # orchestrator completion fish | source
            complete -c orchestrator -a '(orchestrator "[suggest:"(commandline -C)"]" (commandline -cp) 2>/dev/null)'
            """,
        ["pwsh"] = """
            # orchestrator completion pwsh | Out-String | Invoke-Expression
            Register-ArgumentCompleter -Native -CommandName orchestrator -ScriptBlock {
                param($word, $line, $position)
                orchestrator "[suggest:$position]" "$line" 2>$null | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
            }
            """,
    };

    readonly Argument<string> shell = new("SHELL") { Description = "bash, zsh, fish or pwsh." };

    public CompletionCommand() : base("completion", "Write the lines that give a shell completion of this command.")
    {
        shell.AcceptOnlyFromAmong([.. scripts.Keys]);
        Add(shell);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Examples { get; } = ["eval \"$(orchestrator completion bash)\""];

    /// <inheritdoc/>
    public override string Read(ParseResult parsed) => parsed.GetRequiredValue(shell);

    /// <inheritdoc/>
    protected override int Run(string request, Output output, CancellationToken stop)
    {
        output.Line(scripts[request]);
        return ExitCodes.Done;
    }
}
