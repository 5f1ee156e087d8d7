using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.Server.Consensus;

/// <summary>Limits of proposals; etcd's values.</summary>
public sealed record ProposerLimits
{
    /// <summary>Largest entry, bytes (<c>--max-request-bytes</c>).</summary>
    public int RequestBytesMax { get; init; } = 1_572_864;

    /// <summary>How far applying may lag behind committing before writes are refused.</summary>
    public ulong CommittedNotAppliedMax { get; init; } = 5000;

    /// <summary>Ends of leases are refused only when applying lags twice as far behind (gate PriorityRequest): they make the store smaller.</summary>
    public bool PriorityRequests { get; init; }

    /// <summary>How far applying may lag behind for this request to be taken.</summary>
    public ulong LagMax(InternalRaftRequest request) =>
        PriorityRequests && request.LeaseRevoke is not null ? 2 * CommittedNotAppliedMax : CommittedNotAppliedMax;

    /// <summary>How long a proposal waits: 5 s plus two election timeouts.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(7);
}

/// <summary>Turns a request into an entry, hands it to the loop, and lets the client wait for the applier.</summary>
internal sealed class Proposer : IProposer
{
    private readonly ConsensusState _state;
    private readonly PendingProposals _pending;
    private readonly RequestIdGenerator _ids;
    private readonly RaftLoop _loop;
    private readonly TimeProvider _time;
    private readonly ProposerLimits _limits;
    private readonly long _timeoutTicks;

    public Proposer(
        ConsensusState state, PendingProposals pending, RequestIdGenerator ids, RaftLoop loop, ProposerLimits limits, TimeProvider time)
    {
        _state = state;
        _pending = pending;
        _ids = ids;
        _loop = loop;
        _limits = limits;
        _time = time;
        _timeoutTicks = (long)(limits.RequestTimeout.TotalSeconds * time.TimestampFrequency);
    }

    /// <inheritdoc/>
    public int RequestBytesMax => _limits.RequestBytesMax;

    /// <inheritdoc/>
    public ValueTask<IMessage> ProposeAsync(InternalRaftRequest request, CancellationToken cancellation) => ProposeCoreAsync(request, null, cancellation);

    /// <inheritdoc/>
    public ValueTask<IMessage> ProposeAsync(InternalRaftRequest request, IApplyTimes times, CancellationToken cancellation) =>
        ProposeCoreAsync(request, times, cancellation);

    private ValueTask<IMessage> ProposeCoreAsync(InternalRaftRequest request, IApplyTimes? times, CancellationToken cancellation)
    {
        if (_state.CommitIndex > _state.AppliedIndex + _limits.LagMax(request))
            throw EtcdError.RequestTooManyRequests.ToException();
        ulong id = _ids.Next();
        request.Header ??= new RequestHeader();
        request.Header.ID = id;
        int size = request.CalculateSize();
        if (size > _limits.RequestBytesMax)
            throw EtcdError.RequestTooLarge.ToException();
        ReadOnlyMemory<byte> data = EntryEncoder.Encode(request, size);
        PendingProposal pending = _pending.Add(id, request, data, _time.GetTimestamp() + _timeoutTicks, times);
        ValueTask<IMessage> outcome = pending.Task;
        if (!_loop.Propose(id, data))
            _pending.Remove(id)?.Fail(EtcdError.Stopped.ToException());
        return cancellation.CanBeCanceled ? WithCancellation(id, outcome, cancellation) : outcome;
    }

    /// <summary>
    /// Proposes a change of one member (its id is filled in here) and returns when this member has applied it; the answer
    /// is the change. A change that Raft ignores, as another one is pending, is never answered and times out, like etcd's.
    /// </summary>
    /// <exception cref="StateMachine.Errors.EtcdException">The state machine refused it, or as <see cref="ProposeAsync"/>.</exception>
    public ValueTask<IMessage> ProposeConfChangeAsync(ConfChange change, CancellationToken cancellation)
    {
        ulong id = _ids.Next();
        byte[] data = ConfChangeCodec.Encode(change with { Id = id });
        PendingProposal pending = _pending.Add(id, null, data, _time.GetTimestamp() + _timeoutTicks);
        ValueTask<IMessage> outcome = pending.Task;
        if (!_loop.ProposeConfChange(id, EntryType.ConfChange, data))
            _pending.Remove(id)?.Fail(EtcdError.Stopped.ToException());
        return cancellation.CanBeCanceled ? WithCancellation(id, outcome, cancellation) : outcome;
    }

    private async ValueTask<IMessage> WithCancellation(ulong id, ValueTask<IMessage> outcome, CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(
            static (state, token) =>
            {
                var (pending, pendingId) = ((PendingProposals, ulong))state!;
                pending.Remove(pendingId)?.Fail(new OperationCanceledException(token));
            },
            (_pending, id));
        return await outcome.ConfigureAwait(false);
    }
}
