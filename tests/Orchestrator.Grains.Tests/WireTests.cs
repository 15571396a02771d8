using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orchestrator.Protocol;
using Orleans.Serialization;

namespace Orchestrator.Grains.Tests;

public class WireTests
{
    [Fact]
    public void A_mistake_crosses_with_all_its_problems()
    {
        using var host = new HostBuilder().UseOrleans(silo => silo.UseLocalhostClustering().AddTrainingGrains()).Build();
        var serializer = host.Services.GetRequiredService<Serializer>();
        var sent = new ProblemException(new Problem("workers", "0", "1 to 1024"), new Problem("name", "'x y'", "a name", "'x-y' would do"));
        var received = Assert.IsType<ProblemException>(serializer.Deserialize<Exception>(serializer.SerializeToArray<Exception>(sent)));
        Assert.Equal(sent.Problems, received.Problems);
        Assert.Equal(sent.Message, received.Message);
    }

    [Fact]
    public void What_could_not_be_done_just_now_crosses_with_its_reason()
    {
        using var host = new HostBuilder().UseOrleans(silo => silo.UseLocalhostClustering().AddTrainingGrains()).Build();
        var serializer = host.Services.GetRequiredService<Serializer>();
        Assert.Equal("the database is down", Assert.IsType<UnavailableException>(serializer.Deserialize<Exception>(serializer.SerializeToArray<Exception>(new UnavailableException("the database is down")))).Message);
    }
}
