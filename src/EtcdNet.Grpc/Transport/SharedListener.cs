using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace EtcdNet.Grpc.Transport;

/// <summary>One real socket, whose connections are dealt out to the Kestrel endpoints that share it.</summary>
internal sealed class SharedListener(GrpcEndpoint endpoint, int maxConnections, TimeProvider time)
{
    /// <summary>A connection that says nothing for so long is dropped: grpc-go's limit for the handshake.</summary>
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(120);

    private readonly ConnectionRoom _room = new(maxConnections);
    private readonly Lock _sync = new();
    private readonly ConcurrentDictionary<ConnectionContext, byte> _sniffing = new();
    private readonly Dictionary<ListenerShare, Channel<ConnectionContext>> _shares = [];
    private IConnectionListener? _socket;
    private Task? _opening;
    private Task? _unbinding;
    private Task _accepting = Task.CompletedTask;
    private int _taken;
    private int _disposals;
    private volatile bool _unbound;

    public GrpcEndpoint Endpoint { get; } = endpoint;

    /// <summary>The address listened on, with the real port.</summary>
    public EndPoint BoundTo => _socket?.EndPoint ?? Endpoint.Address;

    /// <summary>An address as Go writes it, network first.</summary>
    public static string Describe(EndPoint address) =>
        address is UnixDomainSocketEndPoint ? $"unix {address}" : $"tcp {address}";

    /// <summary>A share as Kestrel binds it. All shares are made before the first is bound.</summary>
    public SniffedEndPoint Share(ListenerShare share)
    {
        _shares.Add(share, Channel.CreateUnbounded<ConnectionContext>());
        return new SniffedEndPoint(this, share);
    }

    /// <summary>Opens the socket; the second share finds it open.</summary>
    /// <exception cref="GrpcBindException">The address cannot be bound.</exception>
    public Task OpenAsync(IConnectionListenerFactory sockets, CancellationToken cancellationToken)
    {
        lock (_sync)
            return _opening ??= BindAsync(sockets, cancellationToken);
    }

    public IConnectionListener TakeShare(SniffedEndPoint share)
    {
        Interlocked.Increment(ref _taken);
        return new ListenerOfShare(this, share, _shares[share.Share].Reader);
    }

    private async Task BindAsync(IConnectionListenerFactory sockets, CancellationToken cancellationToken)
    {
        try
        {
            StaleSocketFile.Remove(Endpoint.Address);
            _socket = await sockets.BindAsync(Endpoint.Address, cancellationToken).ConfigureAwait(false);
            _accepting = AcceptLoopAsync(_socket);
        }
        catch (AddressInUseException error)
        {
            throw new GrpcBindException(Describe(Endpoint.Address), "address already in use", error);
        }
        catch (SocketException error)
        {
            throw new GrpcBindException(Describe(Endpoint.Address), error.Message, error);
        }
    }

    private async Task AcceptLoopAsync(IConnectionListener socket)
    {
        try
        {
            while (await AcceptAsync(socket).ConfigureAwait(false) is { } connection)
            {
                if (_shares.TryGetValue(ListenerShare.All, out var all))
                    Deal(all, connection);
                else
                    _ = SniffAsync(connection);
            }

            EndShares(null);
        }
        catch (Exception error)
        {
            // Kestrel logs it where it accepts, and a listener that cannot accept is dead either way.
            EndShares(error);
        }
    }

    // Who waits for room leaves its connection in the kernel's queue. A descriptor is given back when a connection is closed.
    private async ValueTask<ConnectionContext?> AcceptAsync(IConnectionListener socket)
    {
        if (!await _room.TakeAsync().ConfigureAwait(false))
            return null;
        var connection = await socket.AcceptAsync().ConfigureAwait(false);
        connection?.ConnectionClosed.UnsafeRegister(static room => ((ConnectionRoom)room!).GiveBack(), _room);
        return connection;
    }

    private void EndShares(Exception? error)
    {
        foreach (var share in _shares.Values)
            share.Writer.TryComplete(error);
    }

    private async Task SniffAsync(ConnectionContext connection)
    {
        _sniffing.TryAdd(connection, 0);
        try
        {
            using var silence = new CancellationTokenSource(SilenceMax, time);
            var verdict = _unbound ? null : await JudgeAsync(connection, silence.Token).ConfigureAwait(false);
            _sniffing.TryRemove(connection, out _);
            if (verdict is { } share)
                Deal(_shares[share], connection);
            else
                await DropAsync(connection).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Reset, silent or cut at shutdown: there is nobody to tell.
            _sniffing.TryRemove(connection, out _);
            await DropAsync(connection).ConfigureAwait(false);
        }
    }

    private static async ValueTask<ListenerShare?> JudgeAsync(
        ConnectionContext connection, CancellationToken cancellationToken)
    {
        var input = connection.Transport.Input;
        while (true)
        {
            var read = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
            var verdict = Http2Preface.Judge(read.Buffer);
            bool decided = verdict != PrefaceVerdict.Undecided;
            bool empty = read.Buffer.IsEmpty;
            // Nothing is consumed, and once decided nothing counts as looked at: the next reader finds all of it at once.
            input.AdvanceTo(read.Buffer.Start, decided ? read.Buffer.Start : read.Buffer.End);
            if (decided)
                return verdict == PrefaceVerdict.Http2 ? ListenerShare.Http2 : ListenerShare.Http1;
            if (read.IsCompleted)
                return empty ? null : ListenerShare.Http1;
        }
    }

    private static void Deal(Channel<ConnectionContext> share, ConnectionContext connection)
    {
        if (!share.Writer.TryWrite(connection))
            _ = DropAsync(connection).AsTask();
    }

    private static async ValueTask DropAsync(ConnectionContext connection)
    {
        connection.Abort();
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    private Task UnbindAsync()
    {
        lock (_sync)
            return _unbinding ??= CloseAsync();
    }

    private async Task CloseAsync()
    {
        _unbound = true;
        _room.Close();
        await _socket!.UnbindAsync().ConfigureAwait(false);
        await _accepting.ConfigureAwait(false);
        foreach (var connection in _sniffing.Keys)
            connection.Abort();
    }

    private async ValueTask DisposeShareAsync()
    {
        if (Interlocked.Increment(ref _disposals) != _taken)
            return;
        await UnbindAsync().ConfigureAwait(false);
        await _socket!.DisposeAsync().ConfigureAwait(false);
        StaleSocketFile.Remove(Endpoint.Address);
        foreach (var share in _shares.Values)
        {
            while (share.Reader.TryRead(out var connection))
                await DropAsync(connection).ConfigureAwait(false);
        }
    }

    private sealed class ListenerOfShare(
        SharedListener owner, SniffedEndPoint endpoint, ChannelReader<ConnectionContext> connections) : IConnectionListener
    {
        private int _disposed;

        public EndPoint EndPoint => endpoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await connections.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                if (connections.TryRead(out var connection))
                    return connection;
            }

            return null;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) =>
            // Not cut short: Kestrel comes with a fired token when a start failed, and closing a listener is quick.
            new(owner.UnbindAsync());

        public ValueTask DisposeAsync() =>
            Interlocked.Exchange(ref _disposed, 1) == 0 ? owner.DisposeShareAsync() : ValueTask.CompletedTask;
    }
}
