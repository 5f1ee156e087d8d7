using System.Security.Cryptography;
using EtcdNet.Server.Auth;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Testing;
using Microsoft.IdentityModel.Tokens;

namespace EtcdNet.Server.Tests.Auth;

/// <summary>Tokens that carry everything in them.</summary>
public sealed class JwtTokensTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("etcdnet-jwt-").FullName;
    private readonly ManualTimeProvider _time = new();

    [Theory]
    [InlineData("RS256")]
    [InlineData("PS512")]
    [InlineData("ES256")]
    [InlineData("ES512")]
    [InlineData("HS384")]
    [InlineData("EdDSA")]
    public async Task A_token_says_who_and_since_when_until_it_ends(string method)
    {
        (string open, string secret) = Keys(method);
        var signer = new JwtTokens(Options($"jwt,sign-method={method},priv-key={secret},ttl=10m"), _time);
        string token = signer.Issue("bob", 7, ".1");
        Assert.Equal(new Caller("bob", 7), await signer.IdentifyAsync(token, 9, CancellationToken.None));
        if (open.Length > 0)
        {
            var verifier = new JwtTokens(Options($"jwt,sign-method={method},pub-key={open}"), _time);
            Assert.Equal(new Caller("bob", 7), await verifier.IdentifyAsync(token, 9, CancellationToken.None));
            Assert.Equal("auth: token signing attempted with verify-only key", Assert.Throws<EtcdException>(() => verifier.Issue("bob", 7, "")).Message);
        }
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.Null(await signer.IdentifyAsync(token, 9, CancellationToken.None));
    }

    [Fact]
    public async Task What_was_not_signed_with_this_key_and_method_is_nothing()
    {
        (string open, string secret) = Keys("RS256");
        var tokens = new JwtTokens(Options($"jwt,sign-method=RS256,pub-key={open},priv-key={secret}"), _time);
        string good = tokens.Issue("bob", 7, "");
        string[] parts = good.Split('.');
        (_, string other) = Keys("RS256");
        // The public key as the secret of a symmetric signature is the oldest trick.
        string confused = new JwtTokens(Options($"jwt,sign-method=HS256,priv-key={open}"), _time).Issue("root", 7, "");
        string[] forged =
        [
            "", "x", "a.b.c", $"{parts[0]}.{parts[1]}.", $"{parts[0]}.{parts[1]}.{parts[2][..^4]}AAAA",
            $"{Base64("""{"alg":"none","typ":"JWT"}""")}.{parts[1]}.", confused,
            new JwtTokens(Options($"jwt,sign-method=RS256,priv-key={other}"), _time).Issue("root", 7, ""),
            new JwtTokens(Options($"jwt,sign-method=RS384,priv-key={secret}"), _time).Issue("root", 7, ""),
            $"{parts[0]}.{Base64("""{"username":"root","revision":7,"exp":99999999999}""")}.{parts[2]}",
        ];
        foreach (string token in forged)
            Assert.Null(await tokens.IdentifyAsync(token, 9, CancellationToken.None));
        Assert.NotNull(await tokens.IdentifyAsync(good, 9, CancellationToken.None));
    }

    [Theory]
    [InlineData("", "unknown token type \"\": it must be simple or jwt")]
    [InlineData("x", "unknown token type \"x\": it must be simple or jwt")]
    [InlineData("simple,a", "invalid token option \"a\": it must be name=value")]
    [InlineData("jwt,ttl=1m,ttl=1m", "invalid token option \"ttl\": it is given twice")]
    [InlineData("jwt,colour=red", "unknown JWT options: colour")]
    [InlineData("jwt", "JWT sign-method \"\" is not one of")]
    [InlineData("jwt,sign-method=none", "JWT sign-method \"none\" is not one of")]
    [InlineData("jwt,sign-method=RS256", "JWT pub-key or priv-key is missing")]
    [InlineData("jwt,sign-method=HS256", "JWT priv-key is missing")]
    [InlineData("jwt,sign-method=RS256,ttl=0s", "JWT ttl \"0s\" is no positive duration")]
    [InlineData("jwt,sign-method=RS256,ttl=soon", "JWT ttl \"soon\" is no positive duration")]
    [InlineData("jwt,sign-method=RS256,pub-key=/nowhere", "JWT pub-key: ")]
    public void What_is_wrong_is_named(string text, string error) =>
        Assert.StartsWith(error, Assert.Throws<FormatException>(() => Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Keys_that_do_not_fit_are_refused()
    {
        (string open, _) = Keys("RS256");
        (_, string secret) = Keys("RS256");
        (string elliptic, _) = Keys("ES256");
        string shortSecret = Write("short", "x");
        Assert.Equal("JWT pub-key and priv-key do not belong together", Wrong($"jwt,sign-method=RS256,pub-key={open},priv-key={secret}"));
        Assert.StartsWith("JWT priv-key cannot sign with RS256: ", Wrong($"jwt,sign-method=RS256,priv-key={open}"), StringComparison.Ordinal);
        Assert.StartsWith("JWT pub-key: ", Wrong($"jwt,sign-method=RS256,pub-key={elliptic}"), StringComparison.Ordinal);
        Assert.StartsWith("JWT priv-key: HS256 needs at least 32 bytes", Wrong($"jwt,sign-method=HS256,priv-key={shortSecret}"), StringComparison.Ordinal);

        static string Wrong(string text) => Assert.Throws<FormatException>(() => Parse(text)).Message;
    }

    [Fact]
    public void Signatures_of_EdDSA_are_those_of_the_standard()
    {
        // RFC 8037, A.1 to A.5.
        Ed25519Key secret = Ed25519Key.OfSecret(EdwardsSecret(Url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")));
        Assert.Equal(Url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), secret.Public);
        byte[] message = System.Text.Encoding.ASCII.GetBytes("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
        byte[] signature = Url("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
        var signer = (SignatureProvider)secret.Create("EdDSA");
        Assert.Equal(signature, signer.Sign(message));
        var verifier = (SignatureProvider)Ed25519Key.OfPublic(EdwardsPublic(secret.Public)).Create("EdDSA");
        Assert.True(verifier.Verify(message, signature));
        for (int bit = 0; bit < 8 * signature.Length; bit += 7)
        {
            byte[] forged = [.. signature];
            forged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(verifier.Verify(message, forged));
        }
        Assert.False(verifier.Verify(message[1..], signature));
        Assert.False(verifier.Verify(message, signature[..63]));

        static byte[] Url(string text) => Convert.FromBase64String(text.Replace('-', '+').Replace('_', '/').PadRight((text.Length + 3) / 4 * 4, '='));
    }

    [Fact]
    public async Task Keys_of_EdDSA_that_do_not_fit_are_refused()
    {
        (string open, string secret) = Keys("EdDSA");
        (string otherOpen, string otherSecret) = Keys("EdDSA");
        (string rsa, string rsaSecret) = Keys("RS256");
        Assert.True(Options($"jwt,sign-method=EdDSA,pub-key={open},priv-key={secret}").CanSign);
        Assert.Equal("JWT pub-key and priv-key do not belong together", Wrong($"pub-key={otherOpen},priv-key={secret}"));
        Assert.StartsWith("JWT pub-key: the key is of another kind (1.2.840.113549.1.1.1)", Wrong($"pub-key={rsa}"), StringComparison.Ordinal);
        Assert.StartsWith("JWT priv-key: the file has \"RSA PRIVATE KEY\"", Wrong($"priv-key={rsaSecret}"), StringComparison.Ordinal);
        Assert.StartsWith("JWT priv-key: the file has \"PUBLIC KEY\"", Wrong($"priv-key={open}"), StringComparison.Ordinal);
        Assert.StartsWith("JWT priv-key: ", Wrong($"priv-key={Write("empty", "")}"), StringComparison.Ordinal);
        Assert.StartsWith("JWT priv-key: ", Wrong($"priv-key={Write("torn", EdwardsSecret(new byte[31]))}"), StringComparison.Ordinal);
        Assert.Equal("JWT pub-key or priv-key is missing", Wrong("ttl=1m"));
        var tokens = new JwtTokens(Options($"jwt,sign-method=EdDSA,pub-key={open}"), _time);
        Assert.Null(await tokens.IdentifyAsync(new JwtTokens(Options($"jwt,sign-method=EdDSA,priv-key={otherSecret}"), _time).Issue("root", 7, ""), 9, CancellationToken.None));
        // Nor with the public key as the secret of another method.
        Assert.Null(await tokens.IdentifyAsync(new JwtTokens(Options($"jwt,sign-method=HS256,priv-key={open}"), _time).Issue("root", 7, ""), 9, CancellationToken.None));

        static string Wrong(string text) => Assert.Throws<FormatException>(() => Parse($"jwt,sign-method=EdDSA,{text}")).Message;
    }

    [Fact]
    public async Task A_secret_is_bytes_and_not_text()
    {
        byte[] secret = [0xff, 0xfe, .. Enumerable.Range(128, 62).Select(static value => (byte)value)];
        string path = Write("binary", "");
        await File.WriteAllBytesAsync(path, secret);
        string token = new JwtTokens(Options($"jwt,sign-method=HS256,priv-key={path}"), _time).Issue("bob", 7, "");
        int end = token.LastIndexOf('.');
        byte[] expected = HMACSHA256.HashData(secret, System.Text.Encoding.ASCII.GetBytes(token[..end]));
        Assert.Equal(Convert.ToBase64String(expected).TrimEnd('=').Replace('+', '-').Replace('/', '_'), token[(end + 1)..]);
    }

    [Theory]
    [InlineData("""{"username":null,"revision":7}""")]
    [InlineData("""{"username":7,"revision":7}""")]
    [InlineData("""{"username":"","revision":7}""")]
    [InlineData("""{"username":"bob"}""")]
    [InlineData("""{"username":"bob","revision":-1}""")]
    [InlineData("""{"revision":7}""")]
    [InlineData("[]")]
    [InlineData("x")]
    public async Task A_signed_token_without_a_user_and_a_revision_is_nothing(string payload)
    {
        (_, string secret) = Keys("HS256");
        var tokens = new JwtTokens(Options($"jwt,sign-method=HS256,priv-key={secret}"), _time);
        string signed = $"{Base64("""{"alg":"HS256","typ":"JWT"}""")}.{Base64(payload)}";
        byte[] signature = HMACSHA256.HashData(await File.ReadAllBytesAsync(secret), System.Text.Encoding.ASCII.GetBytes(signed));
        Assert.Null(await tokens.IdentifyAsync($"{signed}.{Convert.ToBase64String(signature).TrimEnd('=').Replace('+', '-').Replace('/', '_')}", 9, CancellationToken.None));
    }

    [Fact]
    public void The_defaults_are_etcds()
    {
        Assert.Equal(TimeSpan.FromSeconds(300), Parse("simple", 0).SimpleLifetime);
        Assert.Equal(TimeSpan.FromSeconds(20), Parse("simple", 20).SimpleLifetime);
        (_, string secret) = Keys("ES384");
        Assert.Equal(TimeSpan.FromMinutes(5), Options($"jwt,sign-method=ES384,priv-key={secret}").Lifetime);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static TokenOptions Parse(string text, long lifetime = 300) => TokenOptions.Parse(
        text, lifetime, static duration => duration switch { "10m" => TimeSpan.FromMinutes(10), "1m" => TimeSpan.FromMinutes(1), "0s" => TimeSpan.Zero, _ => null });

    private static JwtOptions Options(string text) => Assert.IsType<JwtOptions>(Parse(text).Jwt);

    private static string Base64(string json) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(json)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private (string Open, string Secret) Keys(string method)
    {
        string name = Guid.NewGuid().ToString("n");
        if (method[0] == 'H')
            return ("", Write(name, new string('s', 64)));
        if (method == "EdDSA")
        {
            string pem = EdwardsSecret(RandomNumberGenerator.GetBytes(32));
            return (Write(name + ".pub", EdwardsPublic(Ed25519Key.OfSecret(pem).Public)), Write(name, pem));
        }
        if (method[0] == 'E')
        {
            using var elliptic = ECDsa.Create(method switch { "ES256" => ECCurve.NamedCurves.nistP256, "ES384" => ECCurve.NamedCurves.nistP384, _ => ECCurve.NamedCurves.nistP521 });
            return (Write(name + ".pub", elliptic.ExportSubjectPublicKeyInfoPem()), Write(name, elliptic.ExportPkcs8PrivateKeyPem()));
        }
        using var rsa = RSA.Create(2048);
        return (Write(name + ".pub", rsa.ExportSubjectPublicKeyInfoPem()), Write(name, rsa.ExportRSAPrivateKeyPem()));
    }

    private static string EdwardsSecret(byte[] key) => PemEncoding.WriteString("PRIVATE KEY", [.. Convert.FromHexString("302e020100300506032b657004220420"), .. key]);

    private static string EdwardsPublic(byte[] key) => PemEncoding.WriteString("PUBLIC KEY", [.. Convert.FromHexString("302a300506032b6570032100"), .. key]);

    private string Write(string name, string text)
    {
        string path = Path.Combine(_directory, name);
        File.WriteAllText(path, text);
        return path;
    }
}
