using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.IdentityModel.Tokens;

namespace EtcdNet.Server.Auth;

/// <summary>How JSON web tokens are signed and checked.</summary>
public sealed class JwtOptions
{
    /// <summary>Lifetime without <c>ttl=</c>.</summary>
    public static readonly TimeSpan LifetimeDefault = TimeSpan.FromMinutes(5);

    private static readonly string[] Methods =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", Ed25519Key.Algorithm];

    private JwtOptions(string method, SecurityKey key, bool canSign, TimeSpan lifetime)
    {
        Method = method;
        Key = key;
        CanSign = canSign;
        Lifetime = lifetime;
    }

    /// <summary>Name of the algorithm (RFC 7518); no other one is accepted.</summary>
    public string Method { get; }

    /// <summary>Signs and checks, or only checks.</summary>
    public SecurityKey Key { get; }

    /// <summary>False with a public key alone: tokens come from elsewhere then, and nobody can authenticate here by password.</summary>
    public bool CanSign { get; }

    /// <summary>How long a token is valid.</summary>
    public TimeSpan Lifetime { get; }

    /// <exception cref="FormatException">Says what is wrong.</exception>
    internal static JwtOptions Parse(Dictionary<string, string> options, Func<string, TimeSpan?> duration)
    {
        string[] unknown = [.. options.Keys.Except(["sign-method", "pub-key", "priv-key", "ttl"])];
        if (unknown.Length > 0)
            throw new FormatException($"unknown JWT options: {string.Join(", ", unknown)}");
        string method = options.GetValueOrDefault("sign-method", "");
        if (!Methods.Contains(method))
            throw new FormatException($"JWT sign-method \"{method}\" is not one of {string.Join(", ", Methods)}");
        TimeSpan lifetime = LifetimeDefault;
        if (options.GetValueOrDefault("ttl", "") is { Length: > 0 } ttl)
            lifetime = duration(ttl) is { } given && given > TimeSpan.Zero ? given : throw new FormatException($"JWT ttl \"{ttl}\" is no positive duration");
        byte[]? publicKey = ReadFile(options, "pub-key"), privateKey = ReadFile(options, "priv-key");
        (SecurityKey key, bool canSign) = method[0] switch
        {
            'E' when method == Ed25519Key.Algorithm => EdwardsKey(publicKey, privateKey),
            'H' => (Secret(method, privateKey), true),
            'E' => EllipticKey(publicKey, privateKey),
            _ => RsaKey(publicKey, privateKey),
        };
        var made = new JwtOptions(method, key, canSign, lifetime);
        made.TrySign();
        return made;
    }

    /// <summary>A key that cannot do it (a public one, one too short, another curve) is found at the start and not by the first user.</summary>
    private void TrySign()
    {
        try
        {
            if (CanSign)
                new JwtTokens(this, TimeProvider.System).Issue("nobody", 1, "");
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            throw new FormatException($"JWT priv-key cannot sign with {Method}: {error.Message}");
        }
    }

    private static byte[]? ReadFile(Dictionary<string, string> options, string name)
    {
        string path = options.GetValueOrDefault(name, "");
        try
        {
            return path.Length == 0 ? null : File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"JWT {name}: {error.Message}");
        }
    }

    private static SymmetricSecurityKey Secret(string method, byte[]? secret)
    {
        if (secret is null)
            throw new FormatException("JWT priv-key is missing");
        int bytesMin = int.Parse(method.AsSpan(2), System.Globalization.CultureInfo.InvariantCulture) / 8;
        return secret.Length >= bytesMin
            ? new SymmetricSecurityKey(secret)
            : throw new FormatException($"JWT priv-key: {method} needs at least {bytesMin} bytes (RFC 7518, 3.2), the file has {secret.Length}");
    }

    private static (SecurityKey Key, bool CanSign) RsaKey(byte[]? publicKey, byte[]? privateKey)
    {
        RSA? open = Import(publicKey, "pub-key", RSA.Create, static certificate => certificate.GetRSAPublicKey());
        RSA? secret = Import(privateKey, "priv-key", RSA.Create, static _ => null);
        if (open is not null && secret is not null && !secret.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(open.ExportSubjectPublicKeyInfo()))
            throw new FormatException("JWT pub-key and priv-key do not belong together");
        RSA used = secret ?? open ?? throw new FormatException("JWT pub-key or priv-key is missing");
        return (new RsaSecurityKey(used), secret is not null);
    }

    private static (SecurityKey Key, bool CanSign) EllipticKey(byte[]? publicKey, byte[]? privateKey)
    {
        ECDsa? open = Import(publicKey, "pub-key", ECDsa.Create, static certificate => certificate.GetECDsaPublicKey());
        ECDsa? secret = Import(privateKey, "priv-key", ECDsa.Create, static _ => null);
        if (open is not null && secret is not null && !secret.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(open.ExportSubjectPublicKeyInfo()))
            throw new FormatException("JWT pub-key and priv-key do not belong together");
        ECDsa used = secret ?? open ?? throw new FormatException("JWT pub-key or priv-key is missing");
        return (new ECDsaSecurityKey(used), secret is not null);
    }

    private static (SecurityKey Key, bool CanSign) EdwardsKey(byte[]? publicKey, byte[]? privateKey)
    {
        Ed25519Key? open = Import(publicKey, "pub-key", Ed25519Key.OfPublic), secret = Import(privateKey, "priv-key", Ed25519Key.OfSecret);
        if (open is not null && secret is not null && !secret.Public.AsSpan().SequenceEqual(open.Public))
            throw new FormatException("JWT pub-key and priv-key do not belong together");
        Ed25519Key used = secret ?? open ?? throw new FormatException("JWT pub-key or priv-key is missing");
        return (used, used.IsSecret);

        static Ed25519Key? Import(byte[]? file, string name, Func<string, Ed25519Key> read)
        {
            try
            {
                return file is null ? null : read(System.Text.Encoding.UTF8.GetString(file));
            }
            catch (Exception error) when (error is CryptographicException or DllNotFoundException or EntryPointNotFoundException)
            {
                throw new FormatException($"JWT {name}: {error.Message}");
            }
        }
    }

    /// <summary>A key of a PEM file, or of a certificate in one.</summary>
    private static T? Import<T>(byte[]? file, string name, Func<T> create, Func<X509Certificate2, T?> ofCertificate)
        where T : AsymmetricAlgorithm
    {
        if (file is null)
            return null;
        string pem = System.Text.Encoding.UTF8.GetString(file);
        try
        {
            if (pem.Contains("BEGIN CERTIFICATE", StringComparison.Ordinal))
            {
                using X509Certificate2 certificate = X509Certificate2.CreateFromPem(pem);
                return ofCertificate(certificate) ?? throw new FormatException($"JWT {name}: the certificate has no key of this kind");
            }
            T key = create();
            key.ImportFromPem(pem);
            return key;
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            throw new FormatException($"JWT {name}: {error.Message}");
        }
    }
}
