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

    /// <summary>A call begins to stand at a key; before it asks for its place, so that nobody takes that away in between.</summary>
    public void Enter(ByteString key)
    {
        lock (_gate)
        {
            if (!_byKey.TryGetValue(key, out Standing? standing))
                _byKey.Add(key, standing = new Standing());
            standing.Calls++;
        }
    }

    /// <summary>A call ends. True when the place of a revision is nobody's then: no other call stands at the key, and none was told that it holds the place.</summary>
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
            if (--standing.Calls > 0)
                return false;
            _byKey.Remove(key);
            return standing.HeldRevision != revision;
        }
    }

    private sealed class Standing
    {
        public int Calls { get; set; }

        /// <summary>The place that a call here was told to hold, while others stood at it; 0 for none.</summary>
        public long HeldRevision { get; set; }
    }
}
