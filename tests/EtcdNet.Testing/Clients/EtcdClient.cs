using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Testing.Clients;

/// <summary>The RPCs of etcd that the tests use, typed. Thread-safe.</summary>
public sealed class EtcdClient(Uri server) : IDisposable
{
    /// <summary>The client underneath, for raw calls.</summary>
    public GrpcTestClient Grpc { get; } = new(server);

    /// <summary>KV/Range.</summary>
    public Task<GrpcReply<RangeResponse>> RangeAsync(RangeRequest request, CancellationToken cancellation = default) =>
        Grpc.CallAsync<RangeResponse>("/etcdserverpb.KV/Range", request, cancellation);

    /// <summary>KV/Range of one key.</summary>
    public Task<GrpcReply<RangeResponse>> RangeAsync(string key) => RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8(key) });

    /// <summary>KV/Put.</summary>
    public Task<GrpcReply<PutResponse>> PutAsync(PutRequest request, CancellationToken cancellation = default) =>
        Grpc.CallAsync<PutResponse>("/etcdserverpb.KV/Put", request, cancellation);

    /// <summary>KV/Put of a text.</summary>
    public Task<GrpcReply<PutResponse>> PutAsync(string key, string value) =>
        PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) });

    /// <summary>KV/DeleteRange.</summary>
    public Task<GrpcReply<DeleteRangeResponse>> DeleteAsync(DeleteRangeRequest request, CancellationToken cancellation = default) =>
        Grpc.CallAsync<DeleteRangeResponse>("/etcdserverpb.KV/DeleteRange", request, cancellation);

    /// <summary>KV/Txn.</summary>
    public Task<GrpcReply<TxnResponse>> TxnAsync(TxnRequest request, CancellationToken cancellation = default) =>
        Grpc.CallAsync<TxnResponse>("/etcdserverpb.KV/Txn", request, cancellation);

    /// <summary>KV/Compact.</summary>
    public Task<GrpcReply<CompactionResponse>> CompactAsync(CompactionRequest request) =>
        Grpc.CallAsync<CompactionResponse>("/etcdserverpb.KV/Compact", request);

    /// <summary>Lease/LeaseGrant.</summary>
    public Task<GrpcReply<LeaseGrantResponse>> LeaseGrantAsync(LeaseGrantRequest request) =>
        Grpc.CallAsync<LeaseGrantResponse>("/etcdserverpb.Lease/LeaseGrant", request);

    /// <summary>Lease/LeaseRevoke.</summary>
    public Task<GrpcReply<LeaseRevokeResponse>> LeaseRevokeAsync(LeaseRevokeRequest request) =>
        Grpc.CallAsync<LeaseRevokeResponse>("/etcdserverpb.Lease/LeaseRevoke", request);

    /// <summary>Lease/LeaseTimeToLive.</summary>
    public Task<GrpcReply<LeaseTimeToLiveResponse>> LeaseTimeToLiveAsync(LeaseTimeToLiveRequest request) =>
        Grpc.CallAsync<LeaseTimeToLiveResponse>("/etcdserverpb.Lease/LeaseTimeToLive", request);

    /// <summary>Lease/LeaseLeases.</summary>
    public Task<GrpcReply<LeaseLeasesResponse>> LeasesAsync() =>
        Grpc.CallAsync<LeaseLeasesResponse>("/etcdserverpb.Lease/LeaseLeases", new LeaseLeasesRequest());

    /// <summary>Maintenance/HashKV.</summary>
    public Task<GrpcReply<HashKVResponse>> HashKvAsync(long revision) =>
        Grpc.CallAsync<HashKVResponse>("/etcdserverpb.Maintenance/HashKV", new HashKVRequest { Revision = revision });

    /// <summary>Maintenance/Status.</summary>
    public Task<GrpcReply<StatusResponse>> StatusAsync() =>
        Grpc.CallAsync<StatusResponse>("/etcdserverpb.Maintenance/Status", new StatusRequest());

    /// <summary>Watch/Watch.</summary>
    public GrpcStream<WatchRequest, WatchResponse> Watch() => Grpc.Open<WatchRequest, WatchResponse>("/etcdserverpb.Watch/Watch");

    /// <summary>Lease/LeaseKeepAlive.</summary>
    public GrpcStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse> KeepAlive() =>
        Grpc.Open<LeaseKeepAliveRequest, LeaseKeepAliveResponse>("/etcdserverpb.Lease/LeaseKeepAlive");

    /// <inheritdoc/>
    public void Dispose() => Grpc.Dispose();
}
