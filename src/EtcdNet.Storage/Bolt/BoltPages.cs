using System.Buffers;

namespace EtcdNet.Storage.Bolt;

/// <summary>Hands out pages in the order of their numbers, and writes them, or only counts them.</summary>
/// <param name="destination">Where the bytes go; null: nowhere.</param>
internal sealed class BoltPages(IBufferWriter<byte>? destination)
{
    /// <summary>Fills zeroed bytes of one or more whole pages, the first of which has this number.</summary>
    public delegate void Filler<TState>(Span<byte> pages, ulong id, TState state);

    /// <summary>Pages so far; the number of the next one.</summary>
    public ulong Count { get; private set; }

    /// <summary>Bytes so far.</summary>
    public long Bytes => checked((long)Count * BoltFormat.PageBytes);

    /// <summary>Takes the pages that so many bytes need.</summary>
    /// <returns>Number of the first one.</returns>
    public ulong Write<TState>(int bytes, TState state, Filler<TState> fill)
    {
        int pages = PagesOf(bytes);
        ulong id = Count;
        Count += (ulong)pages;
        if (destination is null)
            return id;
        int whole = checked(pages * BoltFormat.PageBytes);
        Span<byte> span = destination.GetSpan(whole)[..whole];
        span.Clear();
        fill(span, id, state);
        destination.Advance(whole);
        return id;
    }

    /// <summary>Pages that so many bytes need.</summary>
    public static int PagesOf(int bytes) => (bytes + BoltFormat.PageBytes - 1) / BoltFormat.PageBytes;
}
