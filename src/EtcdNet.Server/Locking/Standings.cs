using Google.Protobuf;

namespace EtcdNet.Server.Locking;

/// <summary>
/// The calls on this member that stand at places in lines. A client that asks again with its lease stands at one place twice: the call that
/// is given up must not take the place of the other one away, least of all when that one has been told that it holds. Any thread.
/// </summary>
/// <remarks>etcd's calls know nothing of each other; calls on two members do not here either.</remarks>
internal sealed class Standings
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ByteString, Standing> _byKey = [];

    /// <summary>Keys at which somebody stands.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _byKey.Count;
        }
    }

    /// <summary>A call is about to ask for its place; said before it asks, so that nobody takes the place away in between.</summary>
    public void Enter(ByteString key)
    {
        lock (_gate)
        {
            if (!_byKey.TryGetValue(key, out Standing? standing))
                _byKey.Add(key, standing = new Standing());
            standing.Asking++;
        }
    }

    /// <summary>It has been told its place.</summary>
    public void Settle(ByteString key, long revision)
    {
        lock (_gate)
        {
            Standing standing = _byKey[key];
            standing.Asking--;
            standing.Calls[revision] = standing.Calls.GetValueOrDefault(revision) + 1;
        }
    }

    /// <summary>It ends before it was told.</summary>
    public void LeaveUnsettled(ByteString key)
    {
        lock (_gate)
        {
            Standing standing = _byKey[key];
            standing.Asking--;
            RemoveIfEmptyUnderLock(key, standing);
        }
    }

    /// <summary>It ends. True when its place is nobody's then: no other call stands there or may be about to, and none was told that it holds the place.</summary>
    /// <param name="key">Where it stood.</param>
    /// <param name="revision">Create revision of its place.</param>
    /// <param name="holds">It is told that it holds the place.</param>
    public bool Leave(ByteString key, long revision, bool holds)
    {
        lock (_gate)
        {
            Standing standing = _byKey[key];
            if (holds)
                standing.HeldRevision = revision;
            bool isLast = --standing.Calls[revision] == 0;
            if (isLast)
                standing.Calls.Remove(revision);
            bool isNobodys = isLast && standing.Asking == 0 && standing.HeldRevision != revision;
            RemoveIfEmptyUnderLock(key, standing);
            return isNobodys;
        }
    }

    private void RemoveIfEmptyUnderLock(ByteString key, Standing standing)
    {
        if (standing.Asking == 0 && standing.Calls.Count == 0)
            _byKey.Remove(key);
    }

    private sealed class Standing
    {
        /// <summary>Calls that do not know their place yet.</summary>
        public int Asking { get; set; }

        /// <summary>Calls by the create revision of their place; a place that was lost and taken anew is another one.</summary>
        public Dictionary<long, int> Calls { get; } = [];

        /// <summary>The place that a call here was told to hold, while others stood at it; 0 for none.</summary>
        public long HeldRevision { get; set; }
    }
}
