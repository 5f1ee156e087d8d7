using System.IO.Pipelines;
using System.Threading.Channels;
using EtcdNet.Peer.Wire;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Transport;

/// <summary>
/// Messages to one member over a connection that this member opened to us and reads from. A new connection replaces the old one.
/// What waits is bounded in number and bytes; what does not fit is dropped, as Raft sends it again.
/// </summary>
internal sealed class OutgoingStream(PeerLink link, StreamKind kind)
{
    /// <summary>Bytes that may gather before they are sent although more messages wait.</summary>
    private const long FlushBytes = 64 << 10;

    private readonly PeerTransportOptions _options = link.Options;
    private Connection? _connection;
    private volatile bool _isStopped;

    /// <summary>True while a connection is there to send on.</summary>
    public bool IsConnected => Volatile.Read(ref _connection) is not null;

    /// <summary>False when there is no connection. A message that does not fit counts as taken: it is dropped and reported.</summary>
    public bool TrySend(Message message)
    {
        if (Volatile.Read(ref _connection) is not { } connection)
            return false;
        if (!connection.TryAdd(message))
            link.Dropped();
        return true;
    }

    /// <summary>Sends on this connection until it breaks or another one replaces it.</summary>
    /// <param name="output">The connection.</param>
    /// <param name="version">Release of the receiver.</param>
    /// <param name="aborted">Cancelled when the connection is closed.</param>
    public async Task ServeAsync(PipeWriter output, string? version, CancellationToken aborted)
    {
        using var connection = new Connection(_options, aborted);
        Interlocked.Exchange(ref _connection, connection)?.Close("replaced by a new connection");
        if (_isStopped)
            connection.Close("stopped");
        link.Connected();
        var interval = _options.WriteTimeout / 3;
        using var timer = _options.Time.CreateTimer(static c => ((Connection)c!).Beat(), connection, interval, interval);
        try
        {
            await WriteAsync(connection, StreamEncoder.For(kind, PeerHeaders.FormFor(version)), output).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or TimeoutException)
        {
            connection.Close(e is OperationCanceledException ? "closed" : e.Message);
        }
        finally
        {
            Interlocked.CompareExchange(ref _connection, null, connection);
            link.Disconnected($"lost the {kind} stream to it ({connection.Reason})");
            connection.Drain(link);
        }
    }

    /// <summary>Closes the connection, if any, and every later one.</summary>
    public void Stop()
    {
        _isStopped = true;
        Interlocked.Exchange(ref _connection, null)?.Close("stopped");
    }

    private async Task WriteAsync(Connection connection, StreamEncoder encoder, PipeWriter output)
    {
        while (await connection.Messages.WaitToReadAsync(connection.Closed).ConfigureAwait(false))
        {
            long unsent = 0;
            while (connection.TryTake(out var message))
            {
                var bytes = encoder.Write(output, message);
                link.SentBytes.Add(bytes);
                unsent += bytes;
                if (unsent < FlushBytes)
                    continue;
                await FlushAsync(connection, output).ConfigureAwait(false);
                unsent = 0;
            }

            await FlushAsync(connection, output).ConfigureAwait(false);
        }
    }

    private async ValueTask FlushAsync(Connection connection, PipeWriter output)
    {
        var flush = output.FlushAsync(connection.Closed);
        var result = flush.IsCompleted
            ? await flush.ConfigureAwait(false)
            : await flush.AsTask().WaitAsync(_options.WriteTimeout, _options.Time).ConfigureAwait(false);
        if (result.IsCompleted || result.IsCanceled)
            throw new IOException("the receiver closed the connection");
    }

    /// <summary>One connection and what waits for it.</summary>
    private sealed class Connection : IDisposable
    {
        private readonly Channel<Message> _channel;
        private readonly CancellationTokenSource _closed;
        private readonly long _maxBytes;
        private long _bytes;

        public Connection(PeerTransportOptions options, CancellationToken aborted)
        {
            _channel = Channel.CreateBounded<Message>(new BoundedChannelOptions(options.StreamBuffer) { SingleReader = true });
            _closed = CancellationTokenSource.CreateLinkedTokenSource(aborted);
            _maxBytes = options.StreamBufferBytes;
        }

        public ChannelReader<Message> Messages => _channel.Reader;

        public CancellationToken Closed => _closed.Token;

        public string Reason { get; private set; } = "ended";

        public bool TryAdd(Message message)
        {
            // The first message always fits, however large, else it could never be sent.
            var size = (long)PayloadBytes(message);
            var waiting = Interlocked.Add(ref _bytes, size);
            if ((waiting <= _maxBytes || waiting == size) && _channel.Writer.TryWrite(message))
                return true;
            Interlocked.Add(ref _bytes, -size);
            return false;
        }

        public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Message? message)
        {
            if (!_channel.Reader.TryRead(out message))
                return false;
            Interlocked.Add(ref _bytes, -(long)PayloadBytes(message));
            return true;
        }

        /// <summary>A full channel needs no heartbeat.</summary>
        public void Beat() => _channel.Writer.TryWrite(LinkHeartbeat.Message);

        public void Close(string why)
        {
            if (!_channel.Writer.TryComplete())
                return;
            Reason = why;
            Cancellation.TryCancel(_closed);
        }

        /// <summary>Reports what was not sent, once.</summary>
        public void Drain(PeerLink link)
        {
            _channel.Writer.TryComplete();
            var lost = false;
            while (_channel.Reader.TryRead(out var message))
                lost |= !LinkHeartbeat.Is(message);
            if (lost)
                link.Dropped();
        }

        public void Dispose() => _closed.Dispose();

        private static ulong PayloadBytes(Message message)
        {
            ulong bytes = 0;
            foreach (ref readonly var entry in EntrySlice.From(message.Entries).Span)
                bytes += (uint)entry.Data.Length;
            return bytes;
        }
    }
}
