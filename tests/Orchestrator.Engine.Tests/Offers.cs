using System.Globalization;

namespace Orchestrator.Engine.Tests;

/// <summary>Workers in short: <c>a:2 b:1</c> are two of process a and one of process b.</summary>
static class Offers
{
    public static (string Process, int Slots)[] Of(string text)
        => [.. text.Split(' ').Select(process => process.Split(':')).Select(parts => (parts[0], int.Parse(parts[1], CultureInfo.InvariantCulture)))];
}
