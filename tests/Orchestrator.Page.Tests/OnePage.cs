namespace Orchestrator.Page.Tests;

/// <summary>The tests share servers and take turns: two workers train what is looked at.</summary>
[CollectionDefinition(Name)]
public sealed class OnePage : ICollectionFixture<OpenServer>, ICollectionFixture<SecuredServer>
{
    /// <summary>The collection's.</summary>
    public const string Name = "the page";
}
