using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace EtcdNet.Server.Auth;

/// <summary>
/// bcrypt by the system's libcrypt (libxcrypt, part of every glibc distribution). Hashes are of the form that etcd writes, and etcd
/// and this can check each other's.
/// </summary>
internal static partial class Bcrypt
{
    /// <summary>Lowest cost (two to the power of it rounds).</summary>
    public const int CostMin = 4;

    /// <summary>Highest cost.</summary>
    public const int CostMax = 31;

    /// <summary>Bytes of a password that count; longer ones are refused when they are set.</summary>
    public const int PasswordBytesMax = 72;

    // The library's name of the algorithm without old bugs; hashes carry Go's name of it.
    private const string LibraryKind = "$2b$";
    private const string StoredKind = "$2a$";
    private const int HashLength = 60;
    private const int SaltBytes = 16;
    private const int SettingBytesMax = 192;
    private const int WorkBytes = 32768;

    /// <summary>The hash of a password with a salt of its own. Takes long, by design.</summary>
    /// <exception cref="InvalidOperationException">The library refuses, or is not there.</exception>
    public static string Hash(string password, int cost)
    {
        byte[] random = RandomNumberGenerator.GetBytes(SaltBytes);
        byte[] setting = new byte[SettingBytesMax];
        if (GenerateSetting(Encoding.ASCII.GetBytes(LibraryKind + "\0"), new CULong((uint)cost), random, random.Length, setting, setting.Length) == 0)
            throw new InvalidOperationException("libcrypt offers no bcrypt");
        string hash = Run(password, Text(setting)) ?? throw new InvalidOperationException("libcrypt refused to hash a password");
        if (hash.Length != HashLength || !hash.StartsWith(LibraryKind, StringComparison.Ordinal))
            throw new InvalidOperationException("libcrypt gave something that is no bcrypt hash");
        return StoredKind + hash[LibraryKind.Length..];
    }

    /// <summary>The cost that a hash was made with; null for what is no bcrypt hash.</summary>
    public static int? CostOf(ReadOnlySpan<byte> hash) =>
        hash.Length == HashLength && hash.StartsWith("$2"u8) && hash[3] == '$' && hash[6] == '$' && char.IsAsciiDigit((char)hash[4]) && char.IsAsciiDigit((char)hash[5])
            ? ((hash[4] - '0') * 10) + (hash[5] - '0')
            : null;

    /// <summary>True when the hash is that of the password; false also for what is no bcrypt hash.</summary>
    public static bool Verify(string password, ReadOnlySpan<byte> hash)
    {
        string stored = Encoding.Latin1.GetString(hash);
        if (stored.Length != HashLength || !stored.StartsWith("$2", StringComparison.Ordinal) || stored[3] != '$' || password.Contains('\0'))
            return false;
        string setting = LibraryKind + stored[LibraryKind.Length..];
        return Run(password, setting) is { } found
            && CryptographicOperations.FixedTimeEquals(Encoding.Latin1.GetBytes(found), Encoding.Latin1.GetBytes(setting));
    }

    /// <summary>Null when the library does not know such a setting.</summary>
    private static string? Run(string password, string setting)
    {
        byte[] phrase = Encoding.UTF8.GetBytes(password + "\0");
        byte[] work = new byte[WorkBytes];
        try
        {
            // The result stands at the beginning of the work space. The pointer to it is worth nothing once the call is over: the array may move.
            return Crypt(phrase, Encoding.ASCII.GetBytes(setting + "\0"), work, work.Length) == 0 ? null : Text(work);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(phrase);
            CryptographicOperations.ZeroMemory(work);
        }
    }

    private static string Text(byte[] terminated) => Encoding.ASCII.GetString(terminated, 0, Array.IndexOf(terminated, (byte)0));

    [LibraryImport("libcrypt.so.1", EntryPoint = "crypt_rn")]
    private static partial nint Crypt(byte[] phrase, byte[] setting, byte[] data, int size);

    [LibraryImport("libcrypt.so.1", EntryPoint = "crypt_gensalt_rn")]
    private static partial nint GenerateSetting(byte[] prefix, CULong count, byte[] random, int randomBytes, byte[] output, int outputSize);
}
