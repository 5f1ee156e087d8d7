namespace EtcdNet.Grpc.Transport;

/// <summary>Counts the connections of one listener; who accepts them waits here while there are as many as allowed.</summary>
/// <param name="max">Most connections at a time.</param>
internal sealed class ConnectionRoom(int max)
{
    private readonly Lock _lock = new();
    private int _free = max;
    private TaskCompletionSource<bool>? _waiting;
    private bool _closed;

    /// <summary>Takes the place of one connection, when there is one. One caller at a time. False when closed.</summary>
    public ValueTask<bool> TakeAsync()
    {
        lock (_lock)
        {
            if (_closed)
                return new(false);
            if (_free > 0)
            {
                _free--;
                return new(true);
            }

            _waiting = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            return new(_waiting.Task);
        }
    }

    /// <summary>A connection is closed.</summary>
    public void GiveBack()
    {
        lock (_lock)
        {
            if (_waiting is null)
                _free++;
            else
                _waiting.TrySetResult(true);
            _waiting = null;
        }
    }

    /// <summary>Nobody waits any more.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            _waiting?.TrySetResult(false);
            _waiting = null;
        }
    }
}
