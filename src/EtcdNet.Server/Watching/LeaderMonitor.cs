using EtcdNet.Server.Consensus;

namespace EtcdNet.Server.Watching;

/// <summary>
/// Ends the streams of clients that require a leader (metadata hasleader) when there has been none for three election
/// timeouts (surface 1.4). One timer for all streams; it runs only while there are any.
/// </summary>
public sealed class LeaderMonitor : IDisposable
{
    /// <summary>Looks in a row without a leader after which streams end.</summary>
    private const int LooksMax = 3;

    private readonly Lock _gate = new();
    private readonly HashSet<Registration> _registrations = [];
    private readonly IConsensusStatus _status;
    private readonly ITimer _timer;
    private readonly TimeSpan _period;
    private int _looksWithout;

    /// <summary>Looks once per <paramref name="electionTimeout"/>.</summary>
    public LeaderMonitor(IConsensusStatus status, TimeProvider time, TimeSpan electionTimeout)
    {
        _status = status;
        _period = electionTimeout;
        _timer = time.CreateTimer(_ => Look(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>True when a leader is known now.</summary>
    public bool HasLeader => _status.Current.Leader != 0;

    /// <summary>Calls <paramref name="onLost"/> once when the leader has been gone for too long, unless disposed before.</summary>
    public IDisposable Register(Action onLost)
    {
        var registration = new Registration(this, onLost);
        lock (_gate)
        {
            _registrations.Add(registration);
            if (_registrations.Count == 1)
            {
                _looksWithout = 0;
                _timer.Change(_period, _period);
            }
        }
        return registration;
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        Registration[] lost;
        lock (_gate)
        {
            _looksWithout = HasLeader ? 0 : _looksWithout + 1;
            if (_looksWithout < LooksMax)
                return;
            lost = [.. _registrations];
            _registrations.Clear();
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
        foreach (Registration registration in lost)
            registration.OnLost();
    }

    private void Remove(Registration registration)
    {
        lock (_gate)
        {
            if (_registrations.Remove(registration) && _registrations.Count == 0)
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    private sealed class Registration(LeaderMonitor owner, Action onLost) : IDisposable
    {
        public Action OnLost { get; } = onLost;

        public void Dispose() => owner.Remove(this);
    }
}
