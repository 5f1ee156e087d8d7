using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace EtcdNet.Benchmarks.Http2;

/// <summary>
/// An HTTP/2 connection that costs its owner next to nothing, so that two processors are the server's: frames are written by hand, header
/// blocks of answers are not decoded, windows for answers are as large as can be. One reader at a time; writing is thread-safe.
/// </summary>
internal sealed class LoadConnection : IDisposable
{
    private const int HeaderLength = 9;
    private const int FrameBytesMax = 16 * 1024;
    private const int ReceiveBytes = 2 * (HeaderLength + FrameBytesMax);
    private const FrameFlags Acknowledgement = FrameFlags.EndStream;
    private const int WindowMax = int.MaxValue;
    private const int DefaultWindow = 65_535;
    private const int WindowRefill = 64 * 1024 * 1024;
    private readonly Socket _socket;
    private readonly HeaderBlocks _headers;
    private readonly byte[] _received = new byte[ReceiveBytes];
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _sending = new(1);
    private ArrayBufferWriter<byte> _out = new();
    private ArrayBufferWriter<byte> _leaving = new();
    private int _filled;
    private int _nextStream = 1;
    private long _room = DefaultWindow;
    private int _consumed;

    private LoadConnection(Socket socket, HeaderBlocks headers)
    {
        _socket = socket;
        _headers = headers;
    }

    /// <summary>Connects; all calls of the connection are of one method.</summary>
    public static async Task<LoadConnection> ConnectAsync(Uri server, string path)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Parse(server.Host), server.Port);
        var connection = new LoadConnection(socket, new HeaderBlocks(server, path));
        connection._out.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        // SETTINGS: initial window of the streams (4).
        connection.Append(FrameType.Settings, 0, 0, [0, 4, .. BigEndian(WindowMax)]);
        connection.Append(FrameType.WindowUpdate, 0, 0, BigEndian(WindowMax - DefaultWindow));
        await connection.FlushAsync();
        return connection;
    }

    /// <summary>Begins a call; nothing leaves before <see cref="FlushAsync"/>.</summary>
    public int Open()
    {
        lock (_gate)
        {
            int stream = _nextStream;
            _nextStream += 2;
            Append(FrameType.Headers, FrameFlags.EndHeaders, stream, stream == 1 ? _headers.First : _headers.Next);
            return stream;
        }
    }

    /// <summary>Sends a framed gRPC message of at most 16 KiB.</summary>
    /// <exception cref="InvalidOperationException">More is on its way than the server's connection window takes: ask for less at a time.</exception>
    public void Send(int stream, byte[] message, bool last)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(message.Length, FrameBytesMax);
        lock (_gate)
        {
            _room -= message.Length;
            if (_room < 0)
                throw new InvalidOperationException("the server's window is full");
            Append(FrameType.Data, last ? FrameFlags.EndStream : FrameFlags.None, stream, message);
        }
    }

    /// <summary>Sends what was written.</summary>
    public async Task FlushAsync()
    {
        await _sending.WaitAsync();
        try
        {
            lock (_gate)
                (_out, _leaving) = (_leaving, _out);
            for (ReadOnlyMemory<byte> rest = _leaving.WrittenMemory; rest.Length > 0;)
                rest = rest[await _socket.SendAsync(rest)..];
            _leaving.ResetWrittenCount();
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Waits for bytes and hands the whole frames to the sink; false when the connection is at its end.</summary>
    public async Task<bool> ReadAsync(IFrameSink sink)
    {
        int count = await _socket.ReceiveAsync(_received.AsMemory(_filled));
        if (count == 0)
            return false;
        _filled += count;
        bool answers = Handle(sink);
        if (answers)
            await FlushAsync();
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        _sending.Dispose();
    }

    private static byte[] BigEndian(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    /// <returns>True when something has to be sent at once.</returns>
    private bool Handle(IFrameSink sink)
    {
        bool answers = false;
        int at = 0;
        while (_filled - at >= HeaderLength)
        {
            ReadOnlySpan<byte> header = _received.AsSpan(at, HeaderLength);
            int length = (header[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(header[1..]);
            if (_filled - at < HeaderLength + length)
                break;
            int stream = BinaryPrimitives.ReadInt32BigEndian(header[5..]) & int.MaxValue;
            answers |= Handle((FrameType)header[3], (FrameFlags)header[4], stream, _received.AsSpan(at + HeaderLength, length), sink);
            at += HeaderLength + length;
        }

        _received.AsSpan(at, _filled - at).CopyTo(_received);
        _filled -= at;
        return answers;
    }

    private bool Handle(FrameType type, FrameFlags flags, int stream, ReadOnlySpan<byte> payload, IFrameSink sink)
    {
        switch (type)
        {
            case FrameType.Data when !flags.HasFlag(FrameFlags.Padded):
                sink.OnData(stream, payload);
                _consumed += payload.Length;
                break;
            case FrameType.Reset:
                sink.OnEnd(stream);
                return false;
            case FrameType.Settings or FrameType.Ping when !flags.HasFlag(Acknowledgement):
                lock (_gate)
                    Append(type, Acknowledgement, 0, type == FrameType.Ping ? payload : default);
                return true;
            case FrameType.WindowUpdate when stream == 0:
                lock (_gate)
                    _room += BinaryPrimitives.ReadInt32BigEndian(payload);
                return false;
            case FrameType.GoAway:
                throw new InvalidOperationException($"GOAWAY: {System.Text.Encoding.ASCII.GetString(payload[8..])}");
        }

        if (type is FrameType.Data or FrameType.Headers && flags.HasFlag(FrameFlags.EndStream))
            sink.OnEnd(stream);
        return RefillWindow();
    }

    private bool RefillWindow()
    {
        if (_consumed < WindowRefill)
            return false;
        lock (_gate)
            Append(FrameType.WindowUpdate, FrameFlags.None, 0, BigEndian(_consumed));
        _consumed = 0;
        return true;
    }

    private void Append(FrameType type, FrameFlags flags, int stream, ReadOnlySpan<byte> payload)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        header[0] = (byte)(payload.Length >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(header[1..], (ushort)payload.Length);
        (header[3], header[4]) = ((byte)type, (byte)flags);
        BinaryPrimitives.WriteInt32BigEndian(header[5..], stream);
        _out.Write(header);
        _out.Write(payload);
    }

    private enum FrameType : byte
    {
        Data = 0,
        Headers = 1,
        Reset = 3,
        Settings = 4,
        Ping = 6,
        GoAway = 7,
        WindowUpdate = 8,
    }

    [Flags]
    private enum FrameFlags : byte
    {
        None = 0,
        // The same bit is the acknowledgement of SETTINGS and PING.
        EndStream = 1,
        EndHeaders = 4,
        Padded = 8,
    }
}
