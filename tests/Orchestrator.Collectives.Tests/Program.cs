using Orchestrator.Collectives.Tests;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

// The tests; or one process of an exchange, which tests start, measure and kill; or the measurement: measure [processes …].
return args switch
{
    ["process", ..] => await ExchangeProcess.Run(args[1..]),
    ["measure", ..] => await Measurement.Run([.. args[1..].Select(int.Parse)]),
    _ when args.Contains("--server") || args.Contains("--internal-msbuild-node")
        => await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions),
    _ => await ConsoleRunner.Run(args),
};
