namespace Orchestrator.Architecture.Tests;

/// <summary>What breaks a rule.</summary>
static class Breaches
{
    /// <summary>Fails with every one of them, each on its line.</summary>
    public static void None(IEnumerable<string> found)
    {
        var breaches = found.ToList();
        Assert.True(breaches.Count == 0, string.Join(Environment.NewLine, breaches));
    }
}
