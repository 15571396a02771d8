using System.Collections;
using System.Reflection;
using System.Text.Json;
using Orchestrator.Protocol.Jobs;

namespace Orchestrator.Protocol.Tests.Jobs;

public class SpecKeysTests
{
    [Fact]
    public void No_key_of_a_spec_is_missing_and_none_is_invented()
        => Assert.Equal(Properties(typeof(JobSpec), "").Select(p => p.Path).Order(), SpecKeys.All.Select(key => key.Path).Order());

    [Fact]
    public void Each_key_reads_the_property_it_is_named_after()
    {
        var spec = new JobSpec();
        foreach (var (path, value) in Properties(typeof(JobSpec), "").Select(p => (p.Path, p.Read(spec))))
            Assert.Equal(JsonSerializer.Serialize(value, CanonicalJson.Options), JsonSerializer.Serialize(SpecKeys.Find(path)!.Value(spec), CanonicalJson.Options));
    }

    [Fact]
    public void A_key_may_be_null_exactly_where_its_property_may()
        => Assert.All(Properties(typeof(JobSpec), ""), p => Assert.Equal(p.Optional, SpecKeys.Find(p.Path)!.Optional));

    [Fact]
    public void Every_default_is_allowed_but_the_paths_that_only_a_user_knows()
    {
        var problems = SpecRules.Check(new JobSpec { Name = "job" });
        Assert.Equal(["model.path", "data.path"], problems.Select(problem => problem.Place));
    }

    static IEnumerable<(string Path, bool Optional, Func<JobSpec, object?> Read)> Properties(Type type, string group)
    {
        var nullability = new NullabilityInfoContext();
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var path = group + JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            if (property.PropertyType.IsClass && property.PropertyType != typeof(string) && !typeof(IEnumerable).IsAssignableFrom(property.PropertyType))
            {
                foreach (var (inner, optional, read) in Properties(property.PropertyType, path + "."))
                    yield return (inner, optional, spec => read(spec));
            }
            else
                yield return (path, nullability.Create(property).ReadState == NullabilityState.Nullable, spec => ValueAt(spec, path));
        }
    }

    static object? ValueAt(object at, string path)
        => path.Split('.').Aggregate((object?)at, (from, name) => from!.GetType().GetProperty(name, BindingFlags.IgnoreCase | BindingFlags.Public | BindingFlags.Instance)!.GetValue(from));
}
