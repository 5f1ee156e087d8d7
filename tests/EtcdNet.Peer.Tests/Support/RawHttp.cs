using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EtcdNet.Peer.Tests.Support;

/// <summary>
/// HTTP/1.1 on a bare socket, written down independently of the code under test: what a small member in another language would do.
/// </summary>
internal sealed class RawHttp : IDisposable
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;
    private long _chunkLeft;

    private RawHttp(TcpClient client) => (_client, _stream) = (client, client.GetStream());

    /// <summary>First line of request or answer.</summary>
    public string StartLine { get; private set; } = "";

    /// <summary>Where the other end connected from.</summary>
    public IPAddress RemoteAddress => ((IPEndPoint)_client.Client.RemoteEndPoint!).Address;

    public Dictionary<string, string> Headers { get; } = new(StringComparer.OrdinalIgnoreCase);

    public static async Task<RawHttp> ConnectAsync(Uri url)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, url.Port);
        return new RawHttp(client);
    }

    public static async Task<RawHttp> AcceptAsync(TcpListener listener)
    {
        using var limit = new CancellationTokenSource(Wait.Limit);
        var http = new RawHttp(await listener.AcceptTcpClientAsync(limit.Token));
        await http.ReadHeadAsync();
        return http;
    }

    public Task WriteAsync(string text) => WriteAsync(Encoding.ASCII.GetBytes(text));

    public async Task WriteAsync(byte[] bytes)
    {
        using var limit = new CancellationTokenSource(Wait.Limit);
        await _stream.WriteAsync(bytes, limit.Token);
    }

    /// <summary>One chunk of a chunked body.</summary>
    public async Task WriteChunkAsync(byte[] bytes)
    {
        byte[] chunk = [.. Encoding.ASCII.GetBytes($"{bytes.Length:x}\r\n"), .. bytes, (byte)'\r', (byte)'\n'];
        await WriteAsync(chunk);
    }

    public async Task ReadHeadAsync()
    {
        StartLine = await ReadLineAsync();
        for (var line = await ReadLineAsync(); line.Length > 0; line = await ReadLineAsync())
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            Headers[line[..colon]] = line[(colon + 1)..].Trim();
        }
    }

    /// <summary>So many bytes of the body, chunked or not.</summary>
    public async Task<byte[]> ReadBodyAsync(int count)
    {
        var body = new byte[count];
        for (var i = 0; i < count;)
        {
            if (Headers.GetValueOrDefault("Transfer-Encoding") != "chunked")
            {
                i += await ReadSomeAsync(body.AsMemory(i));
                continue;
            }

            if (_chunkLeft == 0)
                _chunkLeft = await NextChunkAsync();
            var got = await ReadSomeAsync(body.AsMemory(i, (int)Math.Min(_chunkLeft, count - i)));
            i += got;
            _chunkLeft -= got;
            if (_chunkLeft == 0)
                Assert.Equal("", await ReadLineAsync());
        }

        return body;
    }

    /// <summary>The whole body: by its length, or all chunks to the last one.</summary>
    public async Task<byte[]> ReadWholeBodyAsync()
    {
        if (Headers.TryGetValue("Content-Length", out var length))
            return await ReadBodyAsync(int.Parse(length, CultureInfo.InvariantCulture));
        var all = new List<byte>();
        while (await NextChunkAsync() is > 0 and var size)
        {
            var chunk = new byte[size];
            for (var i = 0; i < size;)
                i += await ReadSomeAsync(chunk.AsMemory(i));
            Assert.Equal("", await ReadLineAsync());
            all.AddRange(chunk);
        }

        return [.. all];
    }

    /// <summary>True when the other side has closed the connection, cleanly or not, after whatever it still sent.</summary>
    public async Task<bool> IsClosedAsync()
    {
        using var limit = new CancellationTokenSource(Wait.Limit);
        var buffer = new byte[4096];
        try
        {
            while (await _stream.ReadAsync(buffer, limit.Token) > 0)
            {
                // What was on its way.
            }

            return true;
        }
        catch (IOException)
        {
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task<long> NextChunkAsync() => long.Parse(await ReadLineAsync(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private async Task<string> ReadLineAsync()
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (true)
        {
            await ReadSomeAsync(one);
            if (one[0] == '\n')
                return line.ToString().TrimEnd('\r');
            line.Append((char)one[0]);
        }
    }

    private async Task<int> ReadSomeAsync(Memory<byte> into)
    {
        using var limit = new CancellationTokenSource(Wait.Limit);
        var count = await _stream.ReadAsync(into, limit.Token);
        return count > 0 ? count : throw new EndOfStreamException("the other side closed the connection");
    }
}
