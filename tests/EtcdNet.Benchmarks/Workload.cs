using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Benchmarks;

/// <summary>One kind of request, and how many clients send it.</summary>
/// <param name="Name">For the table.</param>
/// <param name="Method">Name of the RPC in etcdserverpb.KV.</param>
/// <param name="Connections">HTTP/2 connections.</param>
/// <param name="Streams">Requests in flight on each connection.</param>
internal sealed record Workload(string Name, string Method, int Connections, int Streams)
{
    private const int ValueBytes = 256;

    /// <summary>What is measured.</summary>
    public static IReadOnlyList<Workload> All { get; } =
    [
        new("Put 256 B, 10×10", "Put", 10, 10),
        new("Put 256 B, 100×1", "Put", 100, 1),
        new("Range, 10×10", "Range", 10, 10),
        new("Range, 100×1", "Range", 100, 1),
    ];

    /// <summary>The request of a round, framed. h2load sends one body again and again, so each round has a key of its own.</summary>
    public byte[] Body(int round)
    {
        var key = ByteString.CopyFromUtf8($"bench/{round:D8}");
        return GrpcFrames.Encode(Method == "Put"
            ? new PutRequest { Key = key, Value = ByteString.CopyFrom(new byte[ValueBytes]) }
            : new RangeRequest { Key = key });
    }
}
