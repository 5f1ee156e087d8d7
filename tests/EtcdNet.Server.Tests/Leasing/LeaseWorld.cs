using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Leasing;
using EtcdNet.Server.Services;
using EtcdNet.Server.Tests.Watching;
using EtcdNet.Server.Watching;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Leases;
using EtcdNet.Testing;
using Google.Protobuf;
using Serilog;
using Serilog.Core;

namespace EtcdNet.Server.Tests.Leasing;

/// <summary>Applies lease requests to a store at once, or when released.</summary>
internal sealed class FakeProposer(LeaseStore store) : IProposer
{
    private readonly Lock _gate = new();

    /// <summary>Every request, in order.</summary>
    public List<InternalRaftRequest> Proposed { get; } = [];

    /// <summary>When set, decides what happens before a request is applied.</summary>
    public Func<InternalRaftRequest, CancellationToken, Task>? Before { get; set; }

    public long[] Revoked
    {
        get
        {
            lock (_gate)
                return [.. Proposed.Where(static one => one.LeaseRevoke is not null).Select(static one => one.LeaseRevoke.ID)];
        }
    }

    public LeaseCheckpoint[] Checkpointed
    {
        get
        {
            lock (_gate)
                return [.. Proposed.Where(static one => one.LeaseCheckpoint is not null).SelectMany(static one => one.LeaseCheckpoint.Checkpoints)];
        }
    }

    public async ValueTask<IMessage> ProposeAsync(InternalRaftRequest request, CancellationToken cancellation)
    {
        lock (_gate)
            Proposed.Add(request);
        if (Before is not null)
            await Before(request, cancellation);
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
            return Apply(request);
    }

    private IMessage Apply(InternalRaftRequest request)
    {
        if (request.LeaseGrant is { } grant)
        {
            Lease lease = store.Grant(grant.ID, grant.TTL);
            return new LeaseGrantResponse { ID = lease.Id, TTL = lease.Ttl };
        }
        if (request.LeaseRevoke is { } revoke)
        {
            store.Remove(revoke.ID);
            return new LeaseRevokeResponse { Header = new ResponseHeader { Revision = 42 } };
        }
        foreach (LeaseCheckpoint checkpoint in request.LeaseCheckpoint.Checkpoints)
            store.Checkpoint(checkpoint.ID, checkpoint.RemainingTTL);
        return new LeaseCheckpointResponse();
    }

    private sealed class LeaseCheckpointResponse : IMessage
    {
        public Google.Protobuf.Reflection.MessageDescriptor Descriptor => LeaseRevokeResponse.Descriptor;

        public int CalculateSize() => 0;

        public void MergeFrom(CodedInputStream input) => throw new NotSupportedException();

        public void WriteTo(CodedOutputStream output)
        {
        }
    }
}

/// <summary>A lease service of one member with a clock that is moved by hand.</summary>
internal sealed class LeaseWorld : IDisposable
{
    public const int MinTtl = 2;

    public LeaseWorld(LeaseExpirerOptions? options = null, ILeaseForwarder? forwarder = null, ILeaseGuard? guard = null)
    {
        Leases = new LeaseStore(MinTtl);
        Proposer = new FakeProposer(Leases);
        Expirer = new LeaseExpirer(Leases, Proposer, Consensus, Consensus, Time, options ?? new LeaseExpirerOptions(), Logger.None);
        Monitor = new LeaderMonitor(Consensus, Time, TimeSpan.FromSeconds(1));
        var router = new LeaseRouter(Expirer, Consensus, Consensus, () => forwarder, Time, new LeaseServiceOptions());
        Service = new LeaseService(
            Proposer, Consensus, Expirer, router, History, Headers, Monitor, guard, Stopping.Token);
    }

    public ManualTimeProvider Time { get; } = new();

    public FakeConsensus Consensus { get; } = new();

    public FakeStore History { get; } = new();

    public FakeHeaders Headers { get; } = new();

    public LeaseStore Leases { get; }

    public FakeProposer Proposer { get; }

    public LeaseExpirer Expirer { get; }

    public LeaderMonitor Monitor { get; }

    public LeaseService Service { get; }

    public CancellationTokenSource Stopping { get; } = new();

    public static CallContext Context { get; } = new();

    public void Seconds(double seconds) => OutsideOfContext(() =>
    {
        Time.Advance(TimeSpan.FromSeconds(seconds));
        return true;
    });

    /// <summary>Asks outside of the test's synchronisation context, see <see cref="OutsideOfContext"/>.</summary>
    public Task<long> RemainingAsync(long id) => OutsideOfContext(() => AskAsync(id));

    /// <summary>
    /// Whoever moves the clock also runs what waited for it; in the test's synchronisation context it would be queued,
    /// and the clock could run ahead of it by any time.
    /// </summary>
    private static T OutsideOfContext<T>(Func<T> run)
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return run();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private async Task<long> AskAsync(long id) =>
        (await Service.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = id }, Context)).TTL;

    public void Dispose()
    {
        Stopping.Cancel();
        Expirer.Dispose();
        Monitor.Dispose();
        Stopping.Dispose();
    }
}
