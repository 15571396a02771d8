using System.Net;
using System.Net.Sockets;

namespace Orchestrator.Harness;

/// <summary>Ports of loopback that nobody has just now.</summary>
public static class FreePorts
{
    // Below the range from which the system takes ports for outgoing connections (32768 on Linux), where a port that is free now would be somebody's in a moment.
    const int First = 12_000;
    const int Last = 32_000;
    static int next = First + Math.Abs(Environment.ProcessId * 97 % (Last - First));

    /// <summary>The first of so many free ports in a row. No two calls of a process have ports in common.</summary>
    public static int InARow(int count)
    {
        for (var tries = 0; tries < 200; tries++)
        {
            var end = Interlocked.Add(ref next, count);
            var from = First + (end - count - First) % (Last - First - count);
            if (Enumerable.Range(from, count).All(IsFree))
                return from;
        }
        throw new InvalidOperationException($"no {count} free ports in a row");
    }

    static bool IsFree(int port)
    {
        try
        {
            using var probe = new TcpListener(IPAddress.Loopback, port);
            probe.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
