using System.Buffers.Binary;
using System.IO.Compression;
using System.Net.Http.Headers;
using EtcdNet.Protocol;
using Google.Protobuf;

namespace EtcdNet.Testing.Clients;

/// <summary>The bytes of gRPC over HTTP/2: a message is a flag byte, its length in four big-endian bytes, and its body; the status comes as trailers.</summary>
public static class GrpcFrames
{
    private const int PrefixLength = 5;

    /// <summary>A message with its prefix.</summary>
    public static byte[] Encode(IMessage message) => Encode(message.ToByteArray(), compressed: false);

    /// <summary>Any body with a prefix.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> body, bool compressed)
    {
        var frame = new byte[PrefixLength + body.Length];
        frame[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)body.Length);
        body.CopyTo(frame.AsSpan(PrefixLength));
        return frame;
    }

    /// <summary>Reads the body of the next message; null at the end of the stream.</summary>
    public static async Task<byte[]?> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        var prefix = new byte[PrefixLength];
        var read = await stream.ReadAtLeastAsync(prefix, PrefixLength, throwOnEndOfStream: false, cancellation);
        if (read == 0)
            return null;
        if (read < PrefixLength || prefix[0] > 1)
            throw new InvalidDataException($"bad prefix of a gRPC message: {read} bytes, flag {prefix[0]}");
        var body = new byte[BinaryPrimitives.ReadUInt32BigEndian(prefix.AsSpan(1))];
        await stream.ReadExactlyAsync(body, cancellation);
        // A server may answer a compressed request in the same way.
        return prefix[0] == 0 ? body : Unpack(body);
    }

    /// <summary>The status of a finished response: in the trailers, or in the headers when there was no body.</summary>
    public static (GrpcStatus Status, string Message) Status(HttpResponseMessage response)
    {
        var (status, message) = (Find(response, "grpc-status"), Find(response, "grpc-message"));
        return status is null
            ? throw new InvalidDataException($"no grpc-status in an answer with HTTP status {(int)response.StatusCode}")
            : ((GrpcStatus)int.Parse(status), Uri.UnescapeDataString(message ?? ""));
    }

    private static byte[] Unpack(byte[] body)
    {
        using var unpacked = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(body), CompressionMode.Decompress))
            gzip.CopyTo(unpacked);
        return unpacked.ToArray();
    }

    private static string? Find(HttpResponseMessage response, string name) =>
        First(response.TrailingHeaders, name) ?? First(response.Headers, name);

    private static string? First(HttpHeaders headers, string name) =>
        headers.TryGetValues(name, out var values) ? values.First() : null;
}
