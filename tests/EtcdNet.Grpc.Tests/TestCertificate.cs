using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EtcdNet.Grpc.Tests;

/// <summary>Certificates made on the spot.</summary>
internal static class TestCertificate
{
    public static X509Certificate2 Server { get; } = Make("CN=localhost");

    public static X509Certificate2 Client { get; } = Make("CN=alice");

    /// <summary>Whether it is the very certificate of the test server.</summary>
    public static bool IsServer(X509Certificate? certificate) => Server.Equals(certificate);

    private static X509Certificate2 Make(string subject)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
    }
}
