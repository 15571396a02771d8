using System.Diagnostics;
using System.Text;
using Orchestrator.Chart.Tests;
using Orchestrator.Harness;

namespace Orchestrator.Operator.Tests;

/// <summary>A real kubectl, of one version, that talks to a server.</summary>
sealed class Kubectl(string version, string kubeconfig, string folder)
{
    readonly string program = Packages.Kubectl(version);

    /// <summary>Runs it, and answers with what it wrote.</summary>
    public string Run(params string[] arguments) => Give("", arguments);

    /// <summary>Runs it with something to read.</summary>
    public string Give(string input, params string[] arguments)
    {
        var (code, output, errors) = Ask(input, arguments);
        Assert.True(code == 0, $"kubectl {string.Join(' ', arguments)} ended with {code}: {errors}{output}");
        return output;
    }

    /// <summary>Runs it, to be refused.</summary>
    /// <returns>what it complained of</returns>
    public string Refused(string input, params string[] arguments)
    {
        var (code, output, errors) = Ask(input, arguments);
        Assert.True(code != 0, $"kubectl {string.Join(' ', arguments)} was not refused: {output}");
        return errors;
    }

    (int Code, string Output, string Errors) Ask(string input, string[] arguments) => Checkout.Run(program, All(arguments), folder, input);

    string[] All(string[] arguments) => ["--kubeconfig", kubeconfig, "--cache-dir", Path.Combine(folder, "cache-" + version), "--request-timeout", "60s", .. arguments];

    /// <summary>Runs it beside the test: <c>get --watch</c>.</summary>
    public Beside Watch(params string[] arguments) => new(Process.Start(new ProcessStartInfo(program, All(arguments)) { RedirectStandardOutput = true, RedirectStandardError = true })!);

    /// <summary>One that runs beside the test, until it is disposed of.</summary>
    public sealed class Beside : IDisposable
    {
        readonly Process process;
        readonly StringBuilder said = new();

        internal Beside(Process process)
        {
            this.process = process;
            process.OutputDataReceived += (_, line) => Keep(line.Data);
            process.ErrorDataReceived += (_, line) => Keep(line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        /// <summary>What it has written.</summary>
        public string Said
        {
            get
            {
                lock (said)
                    return said.ToString();
            }
        }

        /// <summary>Waits until it writes something.</summary>
        public Task Says(string text, Func<string> known) => Eventually.Holds(() => Said.Contains(text, StringComparison.Ordinal), TimeSpan.FromSeconds(60), $"kubectl says '{text}'", () => Said + known());

        void Keep(string? line)
        {
            lock (said)
                said.AppendLine(line);
        }

        public void Dispose()
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }
}
