using FASTER.core;

namespace EtcdNet.Storage.Faster;

/// <summary>A FASTER session with its buffer; one thread at a time.</summary>
internal sealed class StoreReader(
    ClientSession<RevisionKey, SpanByte, Empty, ReadSink, Empty, StoreFunctions> session, StoreFunctions functions) : IDisposable
{
    private ReadSink _sink = new();

    internal ClientSession<RevisionKey, SpanByte, Empty, ReadSink, Empty, StoreFunctions> Session => session;

    internal ReadSink Sink => _sink;

    /// <summary>What FASTER calls for this session.</summary>
    internal StoreFunctions Functions => functions;

    /// <summary>Reads one part into <see cref="Sink"/>.</summary>
    internal bool Read(RevisionKey key)
    {
        _sink.Found = false;
        var input = default(Empty);
        Status status = session.Read(ref key, ref input, ref _sink);
        if (status.IsPending)
            session.CompletePending(wait: true);
        return _sink.Found;
    }

    public void Dispose() => session.Dispose();
}
