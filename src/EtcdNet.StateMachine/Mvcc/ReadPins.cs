namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// Reads that take longer than a moment. The next pass of the compactor waits until none of them reads below its target; one
/// that is under way is never disturbed, since whoever pins then sees the compaction that it works for. So a read that began
/// goes on as it began, and reads that come later hold nothing up. Any thread.
/// </summary>
public sealed class ReadPins
{
    private readonly Lock _gate = new();
    private readonly HashSet<Pin> _pins = [];
    private long _oldest = long.MaxValue;

    /// <summary>Oldest revision that is read; <see cref="long.MaxValue"/> for none.</summary>
    public long Oldest => Volatile.Read(ref _oldest);

    /// <summary>Pins everything. To be called before the view is taken, and settled when the revision is known.</summary>
    internal Pin Add()
    {
        var pin = new Pin(this);
        lock (_gate)
        {
            _pins.Add(pin);
            UpdateUnderLock();
        }
        return pin;
    }

    private void UpdateUnderLock()
    {
        long oldest = long.MaxValue;
        foreach (Pin pin in _pins)
            oldest = Math.Min(oldest, pin.Revision);
        Volatile.Write(ref _oldest, oldest);
    }

    /// <summary>One read.</summary>
    internal sealed class Pin(ReadPins owner) : IDisposable
    {
        private bool _released;

        /// <summary>What is read; 0 while it is not known.</summary>
        public long Revision { get; private set; }

        /// <summary>What is read may disappear.</summary>
        public bool IsReleased => Volatile.Read(ref _released);

        /// <summary>Only this revision and later ones are needed.</summary>
        public void Settle(long revision)
        {
            lock (owner._gate)
            {
                Revision = revision;
                owner.UpdateUnderLock();
            }
        }

        public void Dispose()
        {
            Volatile.Write(ref _released, true);
            lock (owner._gate)
            {
                if (owner._pins.Remove(this))
                    owner.UpdateUnderLock();
            }
        }
    }
}
