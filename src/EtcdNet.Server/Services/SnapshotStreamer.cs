using System.Security.Cryptography;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine;
using EtcdNet.Storage.Bolt;
using Google.Protobuf;
using Serilog;

namespace EtcdNet.Server.Services;

/// <summary>
/// One Maintenance/Snapshot call: the state of one moment as a database file of etcd, made while it is sent, and its SHA-256 as the
/// last message. Compactions wait for it, as long as the client takes <see cref="BytesPerSecondMin"/> on average; a slower one is cut
/// when a compaction passes, and never gets anything else than that moment.
/// </summary>
internal sealed class SnapshotStreamer : IDisposable
{
    /// <summary>What a client must take for the past to wait for it: 2 Mbit/s.</summary>
    public const int BytesPerSecondMin = 256 << 10;

    // As etcd sends it; what it warns about and what it takes for usual as well.
    private const int ChunkBytes = 32 << 10;
    private const int UsualBytesPerSecond = 100 << 20;
    private static readonly TimeSpan s_warningMin = TimeSpan.FromSeconds(30);

    private readonly PinnedState _state;
    private readonly BoltFile _file;
    private readonly IResponseStream<SnapshotResponse> _responses;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly long _started;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _chunk = new byte[ChunkBytes];
    private int _chunkLength;
    private ITimer? _watchdog;
    private long _sent;

    /// <param name="state">What is sent; disposed here.</param>
    /// <param name="responses">Where to.</param>
    /// <param name="time">Clock of the pin and of the log.</param>
    /// <param name="log">Log of the process.</param>
    public SnapshotStreamer(PinnedState state, IResponseStream<SnapshotResponse> responses, TimeProvider time, ILogger log)
    {
        (_state, _responses, _time, _log) = (state, responses, time, log);
        _file = EtcdDatabase.Of(state);
        _started = time.GetTimestamp();
    }

    /// <summary>Sends everything.</summary>
    /// <exception cref="OperationCanceledException">The client is gone.</exception>
    /// <exception cref="StateMachine.Errors.EtcdException">Compacted: the client was too slow.</exception>
    /// <exception cref="BackendDamagedException">A record is damaged.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (_file.MeasureNext(ChunkBytes))
        {
            cancellation.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        string size = ByteSize.Text(_file.Size);
        ILogger log = _log.ForContext("total-bytes", _file.Size);
        log.ForContext("size", size).ForContext("storage-version", EtcdDatabase.StorageVersion).Information("sending database snapshot to client");
        var usual = TimeSpan.FromSeconds(_file.Size / (double)UsualBytesPerSecond);
        TimeSpan warning = usual > s_warningMin ? usual : s_warningMin;
        _watchdog = _time.CreateTimer(static self => ((SnapshotStreamer)self!).Warn(), this, warning, warning);

        await SendFileAsync(cancellation).ConfigureAwait(false);
        byte[] sum = _hash.GetHashAndReset();
        log.ForContext("checksum-size", sum.Length).Information("sending database sha256 checksum to client");
        await WriteAsync(sum, cancellation).ConfigureAwait(false);
        log.ForContext("size", size).ForContext("took", _time.GetElapsedTime(_started)).ForContext("storage-version", EtcdDatabase.StorageVersion)
            .Information("successfully sent database snapshot to client");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _watchdog?.Dispose();
        _file.Dispose();
        _state.Dispose();
        _hash.Dispose();
    }

    private async Task SendFileAsync(CancellationToken cancellation)
    {
        while (true)
        {
            ReadOnlyMemory<byte> piece = _file.WriteNext(ChunkBytes);
            if (piece.IsEmpty)
                break;
            while (!piece.IsEmpty)
            {
                int taken = Math.Min(ChunkBytes - _chunkLength, piece.Length);
                piece[..taken].CopyTo(_chunk.AsMemory(_chunkLength));
                _chunkLength += taken;
                piece = piece[taken..];
                if (_chunkLength == ChunkBytes)
                    await SendChunkAsync(cancellation).ConfigureAwait(false);
            }
        }
        if (_chunkLength > 0)
            await SendChunkAsync(cancellation).ConfigureAwait(false);
    }

    private async ValueTask SendChunkAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ReadOnlyMemory<byte> chunk = _chunk.AsMemory(0, _chunkLength);
        _hash.AppendData(chunk.Span);
        Interlocked.Add(ref _sent, chunk.Length);
        await WriteAsync(chunk, cancellation).ConfigureAwait(false);
        _chunkLength = 0;
    }

    private ValueTask WriteAsync(ReadOnlyMemory<byte> blob, CancellationToken cancellation)
    {
        // The transport has taken the message when the task completes, so its bytes need not be copied.
        var message = new SnapshotResponse
        {
            RemainingBytes = (ulong)(_file.Size - _sent),
            Blob = UnsafeByteOperations.UnsafeWrap(blob),
            Version = EtcdDatabase.StorageVersion,
        };
        return _responses.WriteAsync(message, cancellation);
    }

    private void Warn()
    {
        TimeSpan taking = _time.GetElapsedTime(_started);
        _log.ForContext("taking", taking).ForContext("bytes", _file.Size).ForContext("size", ByteSize.Text(_file.Size))
            .Warning("snapshotting taking too long to transfer");
        if (Interlocked.Read(ref _sent) < taking.TotalSeconds * BytesPerSecondMin)
            _state.History.Unpin();
    }
}
