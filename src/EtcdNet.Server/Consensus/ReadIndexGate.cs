using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// Makes reads linearizable (Raft thesis §6.4). One round of leadership confirmation serves every read that waits when
/// it starts; reads that come later wait for the next round, since a round only covers writes acknowledged before it.
/// </summary>
internal sealed class ReadIndexGate : IReadIndexGate
{
    private readonly ConsensusState _state;
    private readonly Func<ulong, bool> _startRound;
    private readonly TimeProvider _time;
    private readonly TimeSpan _requestTimeout;
    private readonly TimeSpan _retryInterval = TimeSpan.FromMilliseconds(500);
    private readonly Lock _gate = new();
    private readonly List<Round> _waitingForApply = [];
    private Round? _next;
    private Round? _running;
    private ulong _lastRound;
    private Exception? _closedBy;

    /// <param name="lastRound">Rounds are numbered from the next number on. Unique among the members: a follower's round is confirmed by its leader.</param>
    /// <param name="state">Applied index and the short cut of a member that leads alone.</param>
    /// <param name="startRound">Asks the loop for a confirmation; false when it has stopped.</param>
    /// <param name="requestTimeout">How long a read waits in all.</param>
    /// <param name="time">Clock.</param>
    public ReadIndexGate(ulong lastRound, ConsensusState state, Func<ulong, bool> startRound, TimeSpan requestTimeout, TimeProvider time)
    {
        _lastRound = lastRound;
        _state = state;
        _startRound = startRound;
        _requestTimeout = requestTimeout;
        _time = time;
    }

    /// <summary>Rounds that failed (etcd_server_read_indexes_failed_total).</summary>
    public long Failed { get; private set; }

    /// <summary>Rounds that had to be asked for again (etcd_server_slow_read_indexes_total).</summary>
    public long Slow { get; private set; }

    /// <inheritdoc/>
    public ValueTask WaitAsync(CancellationToken cancellation)
    {
        // Alone, the local state is up to date by construction; KvService reads it after this check, and a second voter
        // cannot have counted before the flag fell.
        if (_state.LeadsAlone)
            return ValueTask.CompletedTask;
        return new ValueTask(JoinRound().WaitAsync(cancellation));
    }

    /// <summary>Loop's thread: the leader confirmed <paramref name="round"/> at <paramref name="index"/>.</summary>
    public void Confirmed(ulong round, ulong index)
    {
        lock (_gate)
        {
            if (_running is not { } running || running.Number != round)
                return;
            running.Index = index;
            _running = null;
            _waitingForApply.Add(running);
            StartNextUnderLock();
        }
        Applied();
    }

    /// <summary>Any thread: the applied index has moved.</summary>
    public void Applied()
    {
        lock (_gate)
        {
            ulong applied = _state.AppliedIndex;
            for (int i = _waitingForApply.Count - 1; i >= 0; i--)
            {
                if (_waitingForApply[i].Index > applied)
                    continue;
                _waitingForApply[i].Done.TrySetResult();
                _waitingForApply.RemoveAt(i);
            }
        }
    }

    /// <summary>Loop's thread: a read in flight when the leader changes may never be answered (rule 51).</summary>
    public void LeaderChanged()
    {
        lock (_gate)
        {
            if (_running is not { } running)
                return;
            Failed++;
            _running = null;
            running.Done.TrySetException(EtcdError.LeaderChanged.ToException());
            StartNextUnderLock();
        }
    }

    /// <summary>Loop's thread, each tick: asks again for what got lost, ends what took too long.</summary>
    public void Tick()
    {
        lock (_gate)
        {
            for (int i = _waitingForApply.Count - 1; i >= 0; i--)
            {
                if (_time.GetElapsedTime(_waitingForApply[i].Started) < _requestTimeout)
                    continue;
                _waitingForApply[i].Done.TrySetException(EtcdError.TimeoutWaitAppliedIndex.ToException());
                _waitingForApply.RemoveAt(i);
            }
            if (_running is not { } running)
                return;
            if (_time.GetElapsedTime(running.Started) >= _requestTimeout)
            {
                Failed++;
                _running = null;
                running.Done.TrySetException(EtcdError.Timeout.ToException());
                StartNextUnderLock();
            }
            else if (_time.GetElapsedTime(running.Asked) >= _retryInterval)
            {
                Slow++;
                running.Asked = _time.GetTimestamp();
                _startRound(running.Number);
            }
        }
    }

    /// <summary>Ends every wait, and every later one at once.</summary>
    public void Close(Exception error)
    {
        lock (_gate)
        {
            _closedBy = error;
            _running?.Done.TrySetException(error);
            _next?.Done.TrySetException(error);
            foreach (Round round in _waitingForApply)
                round.Done.TrySetException(error);
            _running = null;
            _next = null;
            _waitingForApply.Clear();
        }
    }

    private Task JoinRound()
    {
        lock (_gate)
        {
            if (_closedBy is not null)
                return Task.FromException(_closedBy);
            Round joined = _next ??= new Round(++_lastRound);
            if (_running is null)
                StartNextUnderLock();
            return joined.Done.Task;
        }
    }

    private void StartNextUnderLock()
    {
        if (_next is not { } next)
            return;
        _next = null;
        _running = next;
        next.Started = next.Asked = _time.GetTimestamp();
        _startRound(next.Number);
    }

    private sealed class Round(ulong number)
    {
        public ulong Number { get; } = number;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ulong Index { get; set; }

        public long Started { get; set; }

        public long Asked { get; set; }
    }
}
