namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// The changes of one key, oldest first. One thread appends and prunes; any thread reads without a lock:
/// a slot's revision is written last, arrays are replaced and never shortened in place.
/// <para>
/// A reader may meet a history that was pruned meanwhile. Pruning for a compaction at C changes nothing that a reader at
/// C or later sees, so a reader only has to check afterwards that its revision is not below the compact revision.
/// </para>
/// <para>A key that was put once (most keys) keeps its only version in the object itself: 48 bytes plus the key.</para>
/// </summary>
internal sealed class KeyHistory
{
    private const uint QueuedFlag = 0x8000_0000;

    private readonly long _firstMainAndSize;
    private readonly uint _firstSub;
    private uint _countAndQueued;
    private PackedVersion[]? _items;

    /// <summary>A key with one change.</summary>
    public KeyHistory(byte[] key, in KeyVersion first)
    {
        Key = key;
        _countAndQueued = 1;
        if (first.Version == 1 && first.Create == first.Main)
        {
            _firstMainAndSize = PackedVersion.PackMain(first);
            _firstSub = PackedVersion.PackSub(first);
            return;
        }
        _items = new PackedVersion[1];
        Store(_items, 0, first);
    }

    /// <summary>The key; never changed.</summary>
    public byte[] Key { get; }

    /// <summary>Writer only.</summary>
    public int Count => (int)(_countAndQueued & ~QueuedFlag);

    /// <summary>Waits in the compactor's queue. Writer only.</summary>
    public bool IsQueued
    {
        get => (_countAndQueued & QueuedFlag) != 0;
        set => _countAndQueued = value ? _countAndQueued | QueuedFlag : _countAndQueued & ~QueuedFlag;
    }

    /// <summary>Newest change, visible to readers or not. Writer only.</summary>
    public KeyVersion Last => At(Count - 1);

    /// <summary>A compaction far enough would find something to prune. Writer only.</summary>
    public bool IsPrunable => Count > 1 || Last.IsTombstone;

    /// <summary>A change by its place. Writer only.</summary>
    public KeyVersion At(int index) => _items is { } items ? items[index].Unpack(items[index].MainAndSize) : First;

    private KeyVersion First => new(
        FirstMain, PackedVersion.SubOf(_firstSub), FirstMain, 1, PackedVersion.HasLeaseIn(_firstSub), PackedVersion.SizeOf(_firstMainAndSize));

    private long FirstMain => PackedVersion.MainOf(_firstMainAndSize);

    /// <summary>Newest change at or before a main revision. Any thread.</summary>
    public bool TryGet(long revision, out KeyVersion version)
    {
        PackedVersion[]? items = Volatile.Read(ref _items);
        if (items is null)
        {
            version = First;
            return FirstMain <= revision;
        }
        int index = LastAtOrBefore(items, revision);
        version = index < 0 ? default : items[index].Unpack(items[index].MainAndSize);
        return index >= 0;
    }

    /// <summary>True when the key exists at a main revision. Any thread.</summary>
    public bool IsLiveAt(long revision)
    {
        PackedVersion[]? items = Volatile.Read(ref _items);
        if (items is null)
            return FirstMain <= revision;
        int index = LastAtOrBefore(items, revision);
        return index >= 0 && !items[index].IsTombstone;
    }

    /// <summary>A stable view for readers that walk through the changes. Any thread.</summary>
    public VersionList Versions => new(Volatile.Read(ref _items), First);

    /// <summary>Adds a change. Invisible to readers whose revision is older. Writer only.</summary>
    public void Append(in KeyVersion version)
    {
        int count = Count;
        Invariant.Check(Last.Revision < version.Revision);
        if (_items is null || _items.Length == count)
            Grow(count);
        Store(_items!, count, version);
        _countAndQueued++;
    }

    /// <summary>The pair before the newest change, see <see cref="VersionList.PairBefore"/>. Writer only.</summary>
    public Revision? PairBeforeLast => Versions.PairBefore(Count - 1);

    /// <summary>How many of the oldest changes a compaction at a revision removes. Writer only.</summary>
    public int PrunableAt(long compactRevision) =>
        _items is null ? 0 : PrunableAt(new VersionList(_items, default), compactRevision);

    /// <summary>
    /// The rule of compaction: the newest change at or before it stays, unless it is a tombstone; a tombstone exactly at
    /// the compact revision stays too, so that a watcher that starts there still sees the delete (etcd since 3.5.16).
    /// </summary>
    public static int PrunableAt(in VersionList versions, long compactRevision)
    {
        int newest = versions.LastAtOrBefore(compactRevision);
        if (newest < 0)
            return 0;
        KeyVersion version = versions[newest];
        return version.IsTombstone && version.Main < compactRevision ? newest + 1 : newest;
    }

    /// <summary>Removes the oldest changes; at least one must stay. Writer only.</summary>
    public void Drop(int count)
    {
        int left = Count - count;
        Invariant.Check(left > 0 && _items is not null);
        PackedVersion[] kept = _items.AsSpan(count, left).ToArray();
        Volatile.Write(ref _items, kept);
        _countAndQueued = (_countAndQueued & QueuedFlag) | (uint)left;
    }

    private void Grow(int count)
    {
        var grown = new PackedVersion[count < 4 ? count + 2 : count + (count >> 1)];
        if (_items is null)
            Store(grown, 0, First);
        else
            _items.AsSpan(0, count).CopyTo(grown);
        Volatile.Write(ref _items, grown);
    }

    private static void Store(PackedVersion[] items, int index, in KeyVersion version)
    {
        items[index].SetRest(version);
        Volatile.Write(ref items[index].MainAndSize, PackedVersion.PackMain(version));
    }

    private static int LastAtOrBefore(PackedVersion[] items, long revision)
    {
        int low = 0;
        int high = items.Length;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            long main = PackedVersion.MainOf(Volatile.Read(ref items[middle].MainAndSize));
            if (main == 0 || main > revision)
                high = middle;
            else
                low = middle + 1;
        }
        return low - 1;
    }

    /// <summary>The changes of a key as one reader sees them; never changes under it except by growing at the end.</summary>
    public readonly struct VersionList(PackedVersion[]? items, KeyVersion first)
    {
        /// <summary>A change by its place; the place must have come from <see cref="LastAtOrBefore"/> or be below such a one.</summary>
        public KeyVersion this[int index] => items is null ? first : items[index].Unpack(Volatile.Read(ref items[index].MainAndSize));

        /// <summary>Place of the newest change at or before a revision, −1 for none.</summary>
        public int LastAtOrBefore(long revision) =>
            items is null ? (first.Main <= revision ? 0 : -1) : KeyHistory.LastAtOrBefore(items, revision);

        /// <summary>
        /// The pair that a watcher is told as the one before a change: that of the main revision before, whatever the same transaction
        /// did to the key earlier; none before a put that created the key (as etcd: prev_kv is read at mod_revision − 1).
        /// </summary>
        public Revision? PairBefore(int index)
        {
            KeyVersion change = this[index];
            if (change.Create == change.Main)
                return null;
            do
                index--;
            while (index >= 0 && this[index].Main == change.Main);
            return index < 0 || this[index].IsTombstone ? null : this[index].Revision;
        }
    }
}
