using System.Threading.Tasks.Sources;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// A proposal whose client waits. Pooled: it goes back to the pool when the client has taken the outcome. Exactly one
/// party settles it: the one that removes it from <see cref="PendingProposals"/>.
/// </summary>
internal sealed class PendingProposal : IValueTaskSource<IMessage>
{
    private readonly PendingProposals _owner;
    private ManualResetValueTaskSourceCore<IMessage> _core;

    public PendingProposal(PendingProposals owner)
    {
        _owner = owner;
        // The applier must not run the code of clients.
        _core.RunContinuationsAsynchronously = true;
    }

    /// <summary>Request id in the entry's header.</summary>
    public ulong Id { get; private set; }

    /// <summary>The request as proposed; spares the applier of this member from parsing the entry again. Null for a configuration change.</summary>
    public InternalRaftRequest? Request { get; private set; }

    /// <summary>The bytes that were proposed; with the id they prove that an entry is this proposal.</summary>
    public ReadOnlyMemory<byte> Data { get; private set; }

    /// <summary>Who wants to know when the request was applied, or null.</summary>
    public IApplyTimes? Times { get; set; }

    /// <summary>When the wait ends with a time-out, in ticks of the time provider.</summary>
    public long Deadline { get; private set; }

    public ValueTask<IMessage> Task => new(this, _core.Version);

    public void Prepare(ulong id, InternalRaftRequest? request, ReadOnlyMemory<byte> data, long deadline)
    {
        Data = data;
        Id = id;
        Request = request;
        Deadline = deadline;
    }

    public void Complete(IMessage response) => _core.SetResult(response);

    public void Fail(Exception error) => _core.SetException(error);

    /// <exception cref="InvalidOperationException">
    /// The token is of an earlier use, or there is no outcome yet: a task that was awaited twice, or too early. The proposal belongs to somebody
    /// else or still waits, and is left alone.
    /// </exception>
    public IMessage GetResult(short token)
    {
        if (_core.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("the outcome of a proposal was asked for before there was one");
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            Request = null;
            Times = null;
            Data = default;
            _core.Reset();
            _owner.Return(this);
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
