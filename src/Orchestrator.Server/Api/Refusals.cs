using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Orchestrator.Protocol;
using Status = Google.Rpc.Status;

namespace Orchestrator.Server.Api;

/// <summary>Answers that say no: a code, a text for people, and for programs one <see cref="BadRequest.Types.FieldViolation"/> for each thing that is wrong.</summary>
static class Refusals
{
    // They travel in trailers, which clients bound at 64 KiB, in base 64.
    const int TextCharactersMax = 8 << 10;

    /// <summary>A refusal with all that is wrong.</summary>
    public static RpcException Of(StatusCode code, params IReadOnlyList<Problem> problems)
    {
        var told = Fitting(problems);
        var more = told.Count < problems.Count ? $"\nand {problems.Count - told.Count} more" : "";
        var request = new BadRequest();
        request.FieldViolations.Add(told.Select(problem => new BadRequest.Types.FieldViolation { Field = problem.Place, Description = WithoutPlace(problem) }));
        return new Status { Code = (int)code, Message = string.Join('\n', told) + more, Details = { Any.Pack(request) } }.ToRpcException();
    }

    /// <summary>There is no such job.</summary>
    public static RpcException NoJob(JobAddress job)
        => Of(StatusCode.NotFound, new Problem($"job {job}", "nothing", "a job that was submitted", "list shows those that there are"));

    /// <summary>What was asked cannot be done just now, and may be asked again.</summary>
    public static RpcException Unavailable(string reason) => new(new Grpc.Core.Status(StatusCode.Unavailable, reason));

    /// <summary>A stream ends because its server goes.</summary>
    public static RpcException Leaving() => Unavailable("this server is going down; take it up where it ended, at another server or at this one when it is back");

    /// <summary>As many of them as an answer has room for.</summary>
    public static List<Problem> Fitting(IReadOnlyList<Problem> problems)
    {
        var characters = 0;
        return [.. problems.TakeWhile((problem, i) => (characters += problem.ToString().Length) <= TextCharactersMax || i == 0)];
    }

    /// <summary>A problem without its place.</summary>
    public static string WithoutPlace(Problem problem) => problem.ToString()[(problem.Place.Length + 2)..];
}
