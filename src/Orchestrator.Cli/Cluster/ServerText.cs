using Orchestrator.Api.V1;

namespace Orchestrator.Cli.Cluster;

/// <summary>Servers and their workers, as people and programs read them.</summary>
static class ServerText
{
    /// <summary>Tells of servers: a row a worker, or a line of JSON a server.</summary>
    public static void Tell(IReadOnlyCollection<Api.V1.Server> servers, Output output)
    {
        if (output.IsJson)
        {
            foreach (var server in servers)
            {
                output.JsonLine(new
                {
                    server.Name, server.Cordoned, server.Draining, server.Device, Since = server.Since?.ToDateTimeOffset(),
                    Workers = server.Workers.Select(worker => new { worker.Slot, Job = worker.Job.Length > 0 ? worker.Job : null, Note = worker.Note.Length > 0 ? worker.Note : null }),
                });
            }
        }
        else if (servers.Count == 0)
            output.Line("no workers");
        else
            output.Table(["worker", "job", "state", "device"], servers.SelectMany(server => server.Workers.DefaultIfEmpty(), Row));
    }

    static string[] Row(Api.V1.Server server, Worker? worker) =>
    [
        worker is null ? server.Name : $"{server.Name}/{worker.Slot}",
        worker is null ? "no workers" : worker.Job,
        server.Draining ? "draining" : server.Cordoned ? "cordoned" : worker is { Note.Length: > 0 } ? worker.Note : worker is { Job.Length: > 0 } ? "busy" : "free",
        server.Device,
    ];
}
