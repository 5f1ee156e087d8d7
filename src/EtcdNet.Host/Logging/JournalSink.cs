using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Serilog.Core;
using Serilog.Events;

namespace EtcdNet.Host.Logging;

/// <summary>
/// Sends each line to the systemd journal in its own protocol (<c>--log-outputs=systemd/journal</c>), so that it keeps its level. What
/// the journal does not take, because it restarts or the line is too long for a datagram, goes to <paramref name="fallback"/>.
/// </summary>
/// <remarks>The fields are those of etcd: MESSAGE is the whole line, PRIORITY its level as syslog counts, PACKAGE its folder.</remarks>
internal sealed class JournalSink(string socketPath, LogFormat format, Stream fallback) : ILogEventSink, IDisposable
{
    /// <summary>Where journald listens.</summary>
    public const string SocketPath = "/run/systemd/journal/socket";

    // Not blocking: a journal that stands still must not stop the server.
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
    private readonly UnixDomainSocketEndPoint _journal = new(socketPath);
    private readonly Lock _gate = new();

    /// <summary>Why the journal cannot be reached; null when it can.</summary>
    public static string? Missing(string socketPath)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            return null;
        }
        catch (SocketException error)
        {
            return $"can't find journal ({socketPath}: {error.Message})";
        }
    }

    /// <inheritdoc/>
    public void Emit(LogEvent logEvent)
    {
        var line = new ArrayBufferWriter<byte>(512);
        ZapFormatter.Write(logEvent, format, line);
        byte[] datagram = Datagram(logEvent, line.WrittenSpan);
        lock (_gate)
        {
            try
            {
                _socket.SendTo(datagram, _journal);
            }
            catch (SocketException)
            {
                WriteFallback(line.WrittenSpan);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _socket.Dispose();
            fallback.Dispose();
        }
    }

    private void WriteFallback(ReadOnlySpan<byte> line)
    {
        try
        {
            fallback.Write(line);
            fallback.Flush();
        }
        catch (IOException)
        {
            // As with every output: a log that cannot be written must not stop the server.
        }
    }

    private static byte[] Datagram(LogEvent entry, ReadOnlySpan<byte> line)
    {
        var datagram = new ArrayBufferWriter<byte>(line.Length + 128);
        datagram.Write(Encoding.UTF8.GetBytes($"PRIORITY={Priority(entry.Level)}\nSYSLOG_IDENTIFIER=etcdnet\nPACKAGE={Path.GetDirectoryName(ZapFormatter.Caller(entry)) ?? ""}\n"));
        // A value with its length before it may hold anything.
        ReadOnlySpan<byte> message = line.TrimEnd((byte)'\n');
        datagram.Write("MESSAGE\n"u8);
        BinaryPrimitives.WriteUInt64LittleEndian(datagram.GetSpan(sizeof(ulong)), (ulong)message.Length);
        datagram.Advance(sizeof(ulong));
        datagram.Write(message);
        datagram.Write("\n"u8);
        return datagram.WrittenSpan.ToArray();
    }

    private static int Priority(LogEventLevel level) => level switch
    {
        LogEventLevel.Fatal => 2,
        LogEventLevel.Error => 3,
        LogEventLevel.Warning => 4,
        LogEventLevel.Information => 6,
        _ => 7,
    };
}
