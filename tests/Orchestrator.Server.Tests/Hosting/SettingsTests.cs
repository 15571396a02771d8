using Orchestrator.Protocol;

namespace Orchestrator.Server.Tests.Hosting;

public class SettingsTests
{
    [Fact]
    public void Without_a_word_a_server_is_alone_on_loopback()
    {
        var options = Read().Options;
        Assert.Equal((Environment.MachineName, 8080, "127.0.0.1", null, "auto"), (options.Name, options.Ports, options.Listen, options.Database, options.Workers));
        Assert.Equal(TimeSpan.FromMilliseconds(500), options.Membership.Probe);
    }

    [Fact]
    public void A_flag_wins_over_the_environment_and_that_over_the_file()
    {
        var options = Read(
            flags: new() { ["Ports"] = "3000" },
            environment: new() { ["ORCHESTRATOR_PORTS"] = "2000", ["ORCHESTRATOR_WORKERS"] = "2", ["ORCHESTRATOR_MEMBERSHIP__PROBE"] = "00:00:01" },
            file: """{ "Orchestrator": { "Ports": 1000, "Workers": "1", "Data": "/shared", "Exchange": { "PeerSilence": "00:00:02" } } }""").Options;
        Assert.Equal((3000, "2", "/shared"), (options.Ports, options.Workers, options.Data));
        Assert.Equal((TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)), (options.Membership.Probe, options.Exchange.PeerSilence));
    }

    [Fact]
    public void Everything_that_cannot_be_read_is_told_at_once_with_its_place()
    {
        var problem = Assert.Throws<ProblemException>(() => Read(
            flags: new() { ["Ports"] = "many" },
            environment: new() { ["ORCHESTRATOR_SECURITY__INSECURE"] = "perhaps" },
            file: """{ "Orchestrator": { "DrainTimeout": "long", "Log": "xml", "Porst": 1 } }"""));
        Assert.Equal(
            [
                "--ports: 'many' found, a whole number expected",
                "settings.json Orchestrator:DrainTimeout: 'long' found, a time, hours:minutes:seconds such as 00:00:30, expected",
                "settings.json Orchestrator:Log: 'xml' found, text or json expected",
                "ORCHESTRATOR_SECURITY__INSECURE: 'perhaps' found, true or false expected",
            ],
            problem.Problems.Where(one => !one.Found.StartsWith("an unknown", StringComparison.Ordinal)).Select(one => one.ToString()));
        Assert.Contains(problem.Problems, one => one.ToString().StartsWith("settings.json Orchestrator:Porst: an unknown setting found, one of Name, Ports,", StringComparison.Ordinal));
    }

    [Fact]
    public void Everything_out_of_its_range_is_told_at_once_with_its_place()
    {
        var problem = Assert.Throws<ProblemException>(() => Read(
            flags: new() { ["Ports"] = "65532", ["Name"] = "a/b", ["Workers"] = "2000" },
            environment: new() { ["ORCHESTRATOR_MEMBERSHIP__MISSEDPROBES"] = "1", ["ORCHESTRATOR_EXCHANGE__PEERSILENCE"] = "00:00:00.1" }));
        Assert.Equal(
            [
                "--name: a/b found, 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first, expected",
                "--ports: 65532 found, 1 to 65531 expected",
                "--workers: 2000 found, auto, or a number from 0 to 1024, expected",
                "ORCHESTRATOR_MEMBERSHIP__MISSEDPROBES: 1 found, 2 to 20 expected",
                "ORCHESTRATOR_EXCHANGE__PEERSILENCE: 00:00:00.1000000 found, 00:00:00.2000000 to 00:05:00 expected",
            ],
            problem.Problems.Select(one => one.ToString()));
    }

    [Theory]
    [InlineData("::1", "::1", "::1")]
    [InlineData("localhost", "127.0.0.1", "127.0.0.1")]
    public void What_it_listens_on_is_what_others_use(string listen, string host, string address)
    {
        var addresses = ServerAddresses.Of(new ServerOptions { Listen = listen, Ports = 100 });
        Assert.Equal((host, address, 102), (addresses.Host, addresses.Address.ToString(), addresses.Exchange));
    }

    [Fact]
    public void Where_it_listens_everywhere_others_use_what_is_advertised()
        => Assert.Equal("http://10.0.0.7:102/", ServerAddresses.Of(new ServerOptions { Listen = "0.0.0.0", Advertise = "10.0.0.7", Ports = 100 }).ExchangeUri.ToString());

    static ServerSettings Read(Dictionary<string, string?>? flags = null, Dictionary<string, string?>? environment = null, string? file = null)
    {
        if (file is null)
            return ServerSettings.Read(flags ?? [], environment ?? []);
        var folder = Directory.CreateTempSubdirectory("orchestrator-settings-");
        var path = Path.Combine(folder.FullName, "settings.json");
        File.WriteAllText(path, file);
        try
        {
            return ServerSettings.Read(flags ?? [], environment ?? [], path);
        }
        catch (ProblemException e)
        {
            throw new ProblemException([.. e.Problems.Select(one => one with { Place = one.Place.Replace(path, "settings.json", StringComparison.Ordinal) })]);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
