using System.Text.Json.Nodes;
using Orchestrator.Chart.Tests;
using Orchestrator.Operator.Tests.Emulated;

namespace Orchestrator.Operator.Tests;

public class DocumentationTests
{
    [Fact]
    public void The_job_of_the_readme_is_one_that_the_definition_takes()
    {
        var job = Definitions.Read(Checkout.Read("README.md").Split("<<'JOB'\n")[1].Split("JOB\n")[0]);
        Assert.Equal(("orchestrator.dev/v1alpha1", "TrainingJob"), (job["apiVersion"]!.ToString(), job["kind"]!.ToString()));
        TrainingJobRules.Demand(job, before: null);
        Assert.Throws<StatusException>(() => TrainingJobRules.Demand(new JsonObject { ["spec"] = new JsonObject { ["data"] = "nowhere" } }, before: null));
    }
}
