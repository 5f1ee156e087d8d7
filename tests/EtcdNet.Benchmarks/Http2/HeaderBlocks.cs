using System.Text;

namespace EtcdNet.Benchmarks.Http2;

/// <summary>
/// The headers of a gRPC call to one method, in HPACK: the first call of a connection puts them into the server's dynamic table, the
/// following ones name their places, as real clients do.
/// </summary>
internal sealed class HeaderBlocks(Uri server, string path)
{
    /// <summary>The block of the first call.</summary>
    public byte[] First { get; } =
    [
        // :method POST and :scheme http from the static table, then literals that are added to the dynamic table.
        0x83, 0x86, 0x44, .. Text(path), 0x41, .. Text(server.Authority), 0x5f, .. Text("application/grpc"), 0x40, .. Text("te"), .. Text("trailers"),
    ];

    /// <summary>The block of every later call: the newest entry of the dynamic table has the place 62.</summary>
    public byte[] Next { get; } = [0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];

    private static byte[] Text(string text) =>
        text.Length < 127 ? [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)] : throw new ArgumentException("too long for one byte of length", nameof(text));
}
