using System.Globalization;
using Orchestrator.Cluster.Tests;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

// The tests; or the fault table for longer than a test may take.
return args switch
{
    ["kills", ..] => await LongForms.Kills((int)Number("--count", 100), (int)Number("--seed", 1)),
    ["chaos", ..] => await LongForms.Chaos(Number("--minutes", 10), (int)Number("--seed", 1)),
    ["overhead", ..] => await LongForms.Overhead((int)Number("--workers", 4)),
    _ when args.Contains("--server") || args.Contains("--internal-msbuild-node")
        => await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions),
    _ => await ConsoleRunner.Run(args),
};

double Number(string flag, double usual) => Array.IndexOf(args, flag) is >= 0 and var at && at + 1 < args.Length ? double.Parse(args[at + 1], CultureInfo.InvariantCulture) : usual;
