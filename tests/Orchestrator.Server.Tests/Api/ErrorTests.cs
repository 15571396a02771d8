using Google.Rpc;
using Grpc.Core;
using Npgsql;
using Orchestrator.Grains;
using Orchestrator.Protocol;
using Orchestrator.Server.Api;

namespace Orchestrator.Server.Tests.Api;

public class ErrorTests
{
    public static TheoryData<Exception, StatusCode, string> Table => new()
    {
        { new ProblemException("training.seed", "'x'", "a whole number"), StatusCode.InvalidArgument, "training.seed: 'x' found, a whole number expected" },
        { new UnavailableException("the database is down"), StatusCode.Unavailable, "the database is down" },
        { new NpgsqlException("Failed to connect to 127.0.0.1:5432"), StatusCode.Unavailable, "the database cannot be reached just now (Failed to connect to 127.0.0.1:5432)" },
        { new InvalidOperationException("outer", new NpgsqlException("gone")), StatusCode.Unavailable, "database" },
        { new SiloUnavailableException("S127.0.0.1:11111:1 is dead"), StatusCode.Unavailable, "another one takes over" },
        { new TimeoutException("Response did not arrive on time"), StatusCode.Unavailable, "did not answer in time" },
        { new IOException("No space left on device"), StatusCode.Unavailable, "No space left on device" },
        { new OperationCanceledException(), StatusCode.Unavailable, "going down" },
        { new NotSupportedException("secret"), StatusCode.Internal, "NotSupportedException" },
        { new RpcException(new Grpc.Core.Status(StatusCode.NotFound, "no")), StatusCode.NotFound, "no" },
    };

    [Theory]
    [MemberData(nameof(Table), DisableDiscoveryEnumeration = true)]
    public void What_goes_wrong_has_one_answer_with_its_reason_and_without_a_stack_trace(Exception e, StatusCode code, string says)
    {
        var answer = ErrorInterceptor.Answer(e);
        Assert.Equal(code, answer.StatusCode);
        Assert.Contains(says, answer.Status.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", answer.Status.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", answer.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_problem_is_a_violation_with_its_place()
    {
        var answer = ErrorInterceptor.Answer(new ProblemException(new Problem("a", "1", "2"), new Problem("b[1]", "x", "y", "mend it")));
        var violations = answer.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations;
        Assert.Equal([("a", "1 found, 2 expected"), ("b[1]", "x found, y expected; mend it")], violations.Select(one => (one.Field, one.Description)));
    }

    [Fact]
    public void More_problems_than_trailers_hold_are_counted()
    {
        var answer = ErrorInterceptor.Answer(new ProblemException([.. Enumerable.Range(0, 5000).Select(i => new Problem($"key{i}", "an unknown key", "a key of a spec"))]));
        Assert.InRange(answer.Trailers.Sum(entry => entry.IsBinary ? entry.ValueBytes.Length : entry.Value.Length) + answer.Status.Detail.Length, 1000, 40_000);
        Assert.Matches("and 4[0-9]{3} more$", answer.Status.Detail);
    }
}
