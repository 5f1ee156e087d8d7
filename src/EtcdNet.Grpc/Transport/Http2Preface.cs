using System.Buffers;

namespace EtcdNet.Grpc.Transport;

/// <summary>What the first bytes of a connection say.</summary>
internal enum PrefaceVerdict
{
    /// <summary>Too few bytes.</summary>
    Undecided,

    /// <summary>HTTP/2 with prior knowledge.</summary>
    Http2,

    /// <summary>Anything else.</summary>
    NotHttp2,
}

/// <summary>The 24 bytes every HTTP/2 connection begins with (RFC 9113 section 3.4).</summary>
internal static class Http2Preface
{
    public const int Length = 24;

    private static ReadOnlySpan<byte> Bytes => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public static PrefaceVerdict Judge(in ReadOnlySequence<byte> buffer)
    {
        int length = (int)Math.Min(Length, buffer.Length);
        Span<byte> start = stackalloc byte[Length];
        buffer.Slice(0, length).CopyTo(start);
        if (!Bytes.StartsWith(start[..length]))
            return PrefaceVerdict.NotHttp2;
        return length == Length ? PrefaceVerdict.Http2 : PrefaceVerdict.Undecided;
    }
}
