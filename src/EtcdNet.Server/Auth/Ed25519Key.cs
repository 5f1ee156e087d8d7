using System.Formats.Asn1;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace EtcdNet.Server.Auth;

/// <summary>
/// A key of Ed25519 (RFC 8032), by the system's libcrypto (OpenSSL 3): .NET has no such class. In PEM files as RFC 8410 has it, PKCS #8
/// or SubjectPublicKeyInfo. Signs and checks web tokens of <c>sign-method=EdDSA</c> (RFC 8037). Any thread.
/// </summary>
internal sealed partial class Ed25519Key : SecurityKey, ICryptoProvider
{
    /// <summary>Name of the algorithm in tokens.</summary>
    public const string Algorithm = "EdDSA";

    private const int KeyBytes = 32;
    private const int SignatureBytes = 64;
    private const int KindEd25519 = 1087;
    private const string Oid = "1.3.101.112";

    // Lives as long as the process, as the key of a member does.
    private readonly nint _key;

    private Ed25519Key(nint key, bool isSecret)
    {
        (_key, IsSecret) = (key, isSecret);
        CryptoProviderFactory = new CryptoProviderFactory { CustomCryptoProvider = this, CacheSignatureProviders = false };
    }

    /// <summary>It can sign.</summary>
    public bool IsSecret { get; }

    /// <inheritdoc/>
    public override int KeySize => KeyBytes * 8;

    /// <summary>The 32 bytes of the public key.</summary>
    public byte[] Public
    {
        get
        {
            byte[] bytes = new byte[KeyBytes];
            nuint length = KeyBytes;
            Check(GetPublic(_key, bytes, ref length) == 1 && length == KeyBytes);
            return bytes;
        }
    }

    /// <summary>Reads <c>PRIVATE KEY</c>.</summary>
    /// <exception cref="CryptographicException">It is no key of this kind, or the library has none.</exception>
    public static Ed25519Key OfSecret(string pem)
    {
        byte[] bytes = Read(pem, "PRIVATE KEY", static outer =>
        {
            outer.ReadInteger();
            RequireKind(outer);
            return AsnDecoder.ReadOctetString(outer.ReadOctetString(), AsnEncodingRules.DER, out _);
        });
        return new Ed25519Key(NewSecret(KindEd25519, 0, bytes, KeyBytes), isSecret: true).Usable();
    }

    /// <summary>Reads <c>PUBLIC KEY</c>.</summary>
    /// <exception cref="CryptographicException">It is no key of this kind, or the library has none.</exception>
    public static Ed25519Key OfPublic(string pem)
    {
        byte[] bytes = Read(pem, "PUBLIC KEY", static outer =>
        {
            RequireKind(outer);
            return outer.ReadBitString(out _);
        });
        return new Ed25519Key(NewPublic(KindEd25519, 0, bytes, KeyBytes), isSecret: false).Usable();
    }

    /// <inheritdoc/>
    public override bool IsSupportedAlgorithm(string algorithm) => algorithm == Algorithm;

    /// <inheritdoc/>
    public bool IsSupportedAlgorithm(string algorithm, params object[] args) => algorithm == Algorithm && ReferenceEquals(args.FirstOrDefault(), this);

    /// <inheritdoc/>
    public object Create(string algorithm, params object[] args) => new Provider(this);

    /// <inheritdoc/>
    public void Release(object cryptoInstance)
    {
        // A provider holds nothing of its own.
    }

    private byte[] Sign(byte[] message)
    {
        byte[] signature = new byte[SignatureBytes];
        nuint length = SignatureBytes;
        nint context = NewContext();
        try
        {
            Check(context != 0 && SignInit(context, 0, 0, 0, _key) == 1 && Sign(context, signature, ref length, message, (nuint)message.Length) == 1 && length == SignatureBytes);
            return signature;
        }
        finally
        {
            FreeContext(context);
        }
    }

    private bool Verify(byte[] message, byte[] signature)
    {
        nint context = NewContext();
        try
        {
            Check(context != 0 && VerifyInit(context, 0, 0, 0, _key) == 1);
            return signature.Length == SignatureBytes && Verify(context, signature, SignatureBytes, message, (nuint)message.Length) == 1;
        }
        finally
        {
            FreeContext(context);
        }
    }

    private Ed25519Key Usable()
    {
        Check(_key != 0);
        return this;
    }

    private static byte[] Read(string pem, string label, Func<AsnReader, byte[]> read)
    {
        try
        {
            PemFields fields = PemEncoding.Find(pem);
            if (!pem.AsSpan()[fields.Label].SequenceEqual(label))
                throw new CryptographicException($"the file has \"{pem[fields.Label]}\" where \"{label}\" is wanted");
            byte[] key = read(new AsnReader(Convert.FromBase64String(pem[fields.Base64Data]), AsnEncodingRules.DER).ReadSequence());
            return key.Length == KeyBytes ? key : throw new CryptographicException("a key of Ed25519 has 32 bytes");
        }
        catch (Exception error) when (error is ArgumentException or AsnContentException or FormatException)
        {
            throw new CryptographicException(error.Message, error);
        }
    }

    private static void RequireKind(AsnReader outer)
    {
        if (outer.ReadSequence().ReadObjectIdentifier() is var kind && kind != Oid)
            throw new CryptographicException($"the key is of another kind ({kind}) than Ed25519");
    }

    private static void Check(bool done)
    {
        if (!done)
            throw new CryptographicException("libcrypto refused an operation of Ed25519");
    }

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_PKEY_new_raw_private_key")]
    private static partial nint NewSecret(int kind, nint engine, byte[] key, nuint length);

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_PKEY_new_raw_public_key")]
    private static partial nint NewPublic(int kind, nint engine, byte[] key, nuint length);

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_PKEY_get_raw_public_key")]
    private static partial int GetPublic(nint key, byte[] bytes, ref nuint length);

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_MD_CTX_new")]
    private static partial nint NewContext();

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_MD_CTX_free")]
    private static partial void FreeContext(nint context);

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_DigestSignInit")]
    private static partial int SignInit(nint context, nint inner, nint digest, nint engine, nint key);

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_DigestSign")]
    private static partial int Sign(nint context, byte[] signature, ref nuint signatureLength, byte[] message, nuint length);

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_DigestVerifyInit")]
    private static partial int VerifyInit(nint context, nint inner, nint digest, nint engine, nint key);

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_DigestVerify")]
    private static partial int Verify(nint context, byte[] signature, nuint signatureLength, byte[] message, nuint length);

    private sealed class Provider(Ed25519Key key) : SignatureProvider(key, Ed25519Key.Algorithm)
    {
        public override byte[] Sign(byte[] input) => key.Sign(input);

        public override bool Sign(ReadOnlySpan<byte> data, Span<byte> destination, out int bytesWritten)
        {
            bytesWritten = key.Sign(data.ToArray()).AsSpan().TryCopyTo(destination) ? SignatureBytes : 0;
            return bytesWritten > 0;
        }

        public override bool Verify(byte[] input, byte[] signature) => key.Verify(input, signature);

        public override bool Verify(byte[] input, int inputOffset, int inputLength, byte[] signature, int signatureOffset, int signatureLength) =>
            key.Verify(input.AsSpan(inputOffset, inputLength).ToArray(), signature.AsSpan(signatureOffset, signatureLength).ToArray());

        protected override void Dispose(bool disposing)
        {
            // The key stays.
        }
    }
}
