using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace EtcdNet.Conformance.Gateway;

/// <summary>
/// A streamed call of the gateway on a socket of its own: JSON in while JSON lines come out, which HttpClient cannot do with
/// HTTP/1.1. It takes chunked answers only.
/// </summary>
internal sealed class LineStream : IDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);

    private readonly TcpClient _socket;
    private readonly Stream _stream;
    private readonly List<byte> _text = [];
    private bool _ended;

    private LineStream(TcpClient socket)
    {
        _socket = socket;
        _stream = socket.GetStream();
    }

    /// <summary>The lines of the header, status line first.</summary>
    public List<string> Headers { get; } = [];

    /// <summary>Sends the first JSON and waits for the headers; the body stays open unless it is to <paramref name="end"/>.</summary>
    public static async Task<LineStream> OpenAsync(Uri server, string path, string json, bool end = false)
    {
        var socket = new TcpClient();
        await socket.ConnectAsync(server.Host, server.Port);
        var stream = new LineStream(socket);
        await stream.WriteAsync($"POST {path} HTTP/1.1\r\nHost: {server.Authority}\r\nTransfer-Encoding: chunked\r\n\r\n");
        await stream.SendAsync(json);
        if (end)
            await stream.EndRequestsAsync();
        for (var line = await stream.ReadRawLineAsync(); line.Length > 0; line = await stream.ReadRawLineAsync())
            stream.Headers.Add(line);
        return stream;
    }

    /// <summary>Sends more JSON.</summary>
    public Task SendAsync(string json) => WriteAsync($"{json.Length:x}\r\n{json}\r\n");

    /// <summary>Ends the body.</summary>
    public Task EndRequestsAsync() => WriteAsync("0\r\n\r\n");

    /// <summary>The next line without blanks and server numbers, or null at the end.</summary>
    public async Task<string?> NextAsync()
    {
        int end;
        while ((end = _text.IndexOf((byte)'\n')) < 0)
        {
            if (_ended)
                return null;
            await ReadChunkAsync();
        }

        var line = Encoding.UTF8.GetString([.. _text.Take(end)]);
        _text.RemoveRange(0, end + 1);
        return RecordedCase.Compact(line);
    }

    /// <summary>The next chunk as it came. Not to be mixed with <see cref="NextAsync"/>.</summary>
    public async Task<string> NextChunkAsync()
    {
        await ReadChunkAsync();
        var chunk = Encoding.UTF8.GetString([.. _text]);
        _text.Clear();
        return chunk;
    }

    public void Dispose() => _socket.Dispose();

    private async Task ReadChunkAsync()
    {
        var size = int.Parse(await ReadRawLineAsync(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        var chunk = new byte[size];
        await _stream.ReadExactlyAsync(chunk).AsTask().WaitAsync(_limit);
        Assert.Equal("", await ReadRawLineAsync());
        _text.AddRange(chunk);
        _ended = size == 0;
    }

    private async Task<string> ReadRawLineAsync()
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (true)
        {
            await _stream.ReadExactlyAsync(one).AsTask().WaitAsync(_limit);
            if (one[0] == '\n')
                return line.ToString().TrimEnd('\r');
            line.Append((char)one[0]);
        }
    }

    private Task WriteAsync(string text) => _stream.WriteAsync(Encoding.UTF8.GetBytes(text)).AsTask().WaitAsync(_limit);
}
