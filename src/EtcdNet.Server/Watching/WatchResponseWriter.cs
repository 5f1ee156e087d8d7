using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Watch;
using Google.Protobuf;

namespace EtcdNet.Server.Watching;

/// <summary>
/// Turns answers and events into responses of one stream. Where the transport takes bytes, only the few bytes before the
/// events are made for each watcher. Not for several threads at once.
/// </summary>
internal sealed class WatchResponseWriter(
    IResponseStream<WatchResponse> output, IHeaderSource headers, IHistory history, WatchHub hub)
{
    private readonly IRawResponseStream? _raw = output as IRawResponseStream;
    private readonly WatchResponse _head = new();
    private byte[] _buffer = new byte[128];
    private bool _dirty;

    /// <summary>Writes a ready answer.</summary>
    public ValueTask WriteControlAsync(WatchResponse answer, CancellationToken cancellation) =>
        _raw is null
            ? output.WriteAsync(answer, cancellation)
            : WriteRawAsync(answer, ReadOnlyMemory<byte>.Empty, cancellation);

    /// <summary>Writes events for a watcher, in fragments when it asked for them and the response is too large.</summary>
    public async ValueTask WriteEventsAsync(HubWatcher watcher, EventSlice slice, long revision, CancellationToken cancellation)
    {
        IHistory? previousFrom = watcher.Requested.PreviousPair ? history : null;
        int limit = hub.Options.FragmentBytes;
        if (watcher.Requested.Fragment && slice.Count > 1 && Size(slice, previousFrom) >= limit)
        {
            for (int first = 0; first < slice.Count;)
            {
                int count = CountFitting(slice, first, limit, previousFrom);
                bool more = first + count < slice.Count;
                await WriteResponseAsync(watcher.Id, slice.Part(first, count), revision, previousFrom, more, cancellation);
                first += count;
            }
        }
        else
        {
            await WriteResponseAsync(watcher.Id, slice, revision, previousFrom, fragment: false, cancellation);
        }
        hub.CountEvents(slice.Count);
    }

    /// <summary>Sends what was written.</summary>
    public ValueTask FlushAsync(CancellationToken cancellation)
    {
        if (!_dirty)
            return ValueTask.CompletedTask;
        _dirty = false;
        _head.Header = null; // its term may be another one by the next time
        return _raw!.FlushAsync(cancellation);
    }

    private static long Size(EventSlice slice, IHistory? previousFrom)
    {
        long size = 0;
        foreach (WatchEvent one in slice.Events)
            size += one.Encode(previousFrom).Length;
        return size;
    }

    /// <summary>Events from <paramref name="first"/> on that stay below the limit together, at least one.</summary>
    private static int CountFitting(EventSlice slice, int first, int limit, IHistory? previousFrom)
    {
        long size = 0;
        int count = 0;
        foreach (WatchEvent one in slice.Events[first..])
        {
            size += one.Encode(previousFrom).Length;
            if (count > 0 && size >= limit)
                break;
            count++;
        }
        return count;
    }

    private ValueTask WriteResponseAsync(
        long id, EventSlice slice, long revision, IHistory? previousFrom, bool fragment, CancellationToken cancellation)
    {
        if (_raw is not null)
        {
            if (_head.Header?.Revision != revision)
                _head.Header = headers.Header(revision);
            _head.WatchId = id;
            _head.Fragment = fragment;
            return WriteRawAsync(_head, slice.Encode(previousFrom), cancellation);
        }
        var response = new WatchResponse { Header = headers.Header(revision), WatchId = id, Fragment = fragment };
        foreach (WatchEvent one in slice.Events)
            response.Events.Add(one.ToMessage(previousFrom));
        return output.WriteAsync(response, cancellation);
    }

    private ValueTask WriteRawAsync(WatchResponse head, ReadOnlyMemory<byte> body, CancellationToken cancellation)
    {
        int size = head.CalculateSize();
        if (_buffer.Length < size)
            _buffer = new byte[size];
        head.WriteTo(_buffer.AsSpan(0, size));
        _dirty = true;
        return _raw!.WriteRawAsync(_buffer.AsMemory(0, size), body, cancellation);
    }
}
