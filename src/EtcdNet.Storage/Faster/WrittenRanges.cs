namespace EtcdNet.Storage.Faster;

/// <summary>Up to where a log was written without a gap, when pages may be written by several threads in any order.</summary>
internal sealed class WrittenRanges
{
    private readonly Lock _lock = new();
    private readonly SortedList<long, long> _ahead = [];
    private long _until;

    internal long Until => Interlocked.Read(ref _until);

    internal void StartAt(long address) => Interlocked.Exchange(ref _until, address);

    internal void Add(long start, long length)
    {
        lock (_lock)
        {
            long end = start + length;
            if (_ahead.TryGetValue(start, out long known))
                end = Math.Max(end, known);
            _ahead[start] = end;
            long until = _until;
            while (_ahead.Count > 0 && _ahead.Keys[0] <= until)
            {
                until = Math.Max(until, _ahead.Values[0]);
                _ahead.RemoveAt(0);
            }

            Interlocked.Exchange(ref _until, until);
        }
    }
}
