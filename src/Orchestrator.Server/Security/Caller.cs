namespace Orchestrator.Server.Security;

/// <summary>What somebody may do in a namespace; whoever may more may all that is less.</summary>
enum Role
{
    /// <summary>See jobs, their logs and their files.</summary>
    Viewer = 1,

    /// <summary>Submit, scale, end and delete jobs, and upload records.</summary>
    Editor = 2,

    /// <summary>Give others a token; of all namespaces: take servers out of service.</summary>
    Admin = 3,
}

/// <summary>Whoever makes a call, and what he may do.</summary>
/// <param name="Name">who it is, for the log</param>
/// <param name="Roles">by namespace; <see cref="AllSpaces"/> is every one</param>
sealed record Caller(string Name, IReadOnlyDictionary<string, Role> Roles)
{
    /// <summary>Stands for every namespace.</summary>
    public const string AllSpaces = "*";

    /// <summary>Everybody, where nobody is asked who he is.</summary>
    public static Caller Everybody { get; } = new("everybody", new Dictionary<string, Role> { [AllSpaces] = Role.Admin });

    /// <summary>Whether he has a role in a namespace, or in <see cref="AllSpaces"/>.</summary>
    public bool May(Role role, string space) => Roles.GetValueOrDefault(AllSpaces) >= role || Roles.GetValueOrDefault(space) >= role;

    /// <summary>Whether he has a role in some namespace.</summary>
    public bool MaySomewhere(Role role) => Roles.Values.Any(has => has >= role);
}
