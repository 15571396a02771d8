using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Grains;
using Orchestrator.Learning.Files;
using Orchestrator.Protocol;

namespace Orchestrator.Server.Security;

/// <summary>What is kept of a token: everything but what its bearer must say.</summary>
/// <param name="Id">16 hexadecimal digits</param>
/// <param name="Name">what it is for</param>
/// <param name="Space">the namespace; <see cref="Caller.AllSpaces"/> is every one</param>
/// <param name="Role">what its bearer may do there</param>
/// <param name="Created">when it was made</param>
/// <param name="Expires">from when on it is worth nothing</param>
/// <param name="By">who made it</param>
/// <param name="Sha256">digest of the whole token: with 256 random bits in it nobody finds it from that</param>
sealed record TokenRecord(string Id, string Name, string Space, Role Role, DateTimeOffset Created, DateTimeOffset Expires, string By, string Sha256);

/// <summary>
/// The tokens of a cluster, a small file each in the data folder that all servers share: what one makes or revokes holds for all from the next call on, and without a database that answers.
/// A token is <c>orc_ID_SECRET</c>.
/// </summary>
sealed class TokenStore(ClusterFolders folders, TimeProvider clock)
{
    /// <summary>How every token begins, so that scanners for secrets find those that got lost.</summary>
    public const string Prefix = "orc_";

    const int CountMax = 10_000;
    const int IdBytes = 8;
    const int SecretBytes = 32;
    const string Ending = ".json";
    static readonly JsonSerializerOptions json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) } };

    string Folder { get; } = Path.Combine(folders.Data, "tokens");

    /// <summary>Makes a token.</summary>
    /// <returns>what is kept, and the token itself, which nobody is told again</returns>
    /// <exception cref="ProblemException">there are too many</exception>
    public (TokenRecord Record, string Token) Create(string name, string space, Role role, TimeSpan lifetime, string by)
    {
        if (Directory.Exists(Folder) && Directory.EnumerateFiles(Folder, "*" + Ending).Count() >= CountMax)
            throw new ProblemException("tokens", $"{CountMax} of them", "fewer", "revoke those that nobody uses");
        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));
        var token = $"{Prefix}{id}_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes))}";
        var now = clock.GetUtcNow();
        var record = new TokenRecord(id, name, space, role, now, now + lifetime, by, Digest(token));
        AtomicFile.Write(FileOf(id), stream => JsonSerializer.Serialize(stream, record, json));
        return (record, token);
    }

    /// <summary>All that there are, those that have expired too, by name.</summary>
    public IReadOnlyList<TokenRecord> List()
        => !Directory.Exists(Folder) ? [] : [.. Directory.EnumerateFiles(Folder, "*" + Ending).Select(file => Find(Path.GetFileNameWithoutExtension(file))).OfType<TokenRecord>().OrderBy(token => token.Name, StringComparer.Ordinal)];

    /// <summary>One of them.</summary>
    public TokenRecord? Find(string id)
    {
        if (id.Length != 2 * IdBytes || !id.All(char.IsAsciiHexDigitLower))
            return null;
        try
        {
            return JsonSerializer.Deserialize<TokenRecord>(File.ReadAllBytes(FileOf(id)), json);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)      // damaged, it is worth nothing
        {
            return null;
        }
    }

    /// <summary>Makes a token worthless.</summary>
    public void Revoke(TokenRecord token) => File.Delete(FileOf(token.Id));

    /// <summary>Who brings this token; null where it is none, or has expired.</summary>
    public Caller? Bearer(string token)
    {
        if (token.Length <= Prefix.Length + 2 * IdBytes || Find(token.Substring(Prefix.Length, 2 * IdBytes)) is not { } found || found.Expires <= clock.GetUtcNow() || !IsSame(found.Sha256, token))
            return null;
        return new Caller($"token {found.Name} ({found.Id})", new Dictionary<string, Role> { [found.Space] = found.Role });
    }

    /// <summary>Whether a digest is that of a token; takes as long whichever digit differs.</summary>
    public static bool IsSame(string sha256, string token) => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(sha256), Encoding.ASCII.GetBytes(Digest(token)));

    /// <summary>The digest of a token.</summary>
    public static string Digest(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    string FileOf(string id) => Path.Combine(Folder, id + Ending);
}
