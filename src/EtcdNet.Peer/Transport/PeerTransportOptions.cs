using System.Net;
using EtcdNet.Server;

namespace EtcdNet.Peer.Transport;

/// <summary>Settings of a <see cref="PeerTransport"/>. Defaults are etcd's unless a reason is given.</summary>
public sealed class PeerTransportOptions
{
    /// <summary>This member.</summary>
    public required ulong MemberId { get; init; }

    /// <summary>Its cluster; members of another one are refused.</summary>
    public required ulong ClusterId { get; init; }

    /// <summary>The URLs at which other members find this one.</summary>
    public required IReadOnlyList<string> AdvertisedUrls { get; init; }

    /// <summary>The release that others take us for.</summary>
    public string ServerVersion { get; init; } = EtcdVersion.Server;

    /// <summary>Time to open a connection and get the head of the answer.</summary>
    public TimeSpan DialTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A stream on which nothing comes for so long, not even a link heartbeat, is opened anew.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A connection that takes no byte for so long is closed. A third of it is the interval of link heartbeats.</summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// First pause between two attempts to connect; doubles up to <see cref="DialRetryMax"/>. Shorter than etcd's (100 ms): a dying
    /// process may still take one connection, and the next attempt shows that it is gone.
    /// </summary>
    public TimeSpan DialRetry { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Longest pause between two attempts to connect.</summary>
    public TimeSpan DialRetryMax { get; init; } = TimeSpan.FromMilliseconds(800);

    /// <summary>Time that the leader may take to answer what was passed on to it (<see cref="LeaderClient"/>).</summary>
    public TimeSpan QuestionTimeout { get; init; } = TimeSpan.FromSeconds(7);

    /// <summary>Time that a member may take to hash all its keys: some seconds for some million.</summary>
    public TimeSpan HashTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Interval of round-trip measurements.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Most messages that wait for one stream; what does not fit is dropped and reported.</summary>
    public int StreamBuffer { get; init; } = 4096;

    /// <summary>Most payload bytes that wait for one stream. The payloads are those of the log, so this bounds what the log must keep.</summary>
    public long StreamBufferBytes { get; init; } = 256 << 20;

    /// <summary>Most messages that wait while there is no stream.</summary>
    public int PipelineBuffer { get; init; } = 64;

    /// <summary>Most requests at once while there is no stream.</summary>
    public int PipelineConnections { get; init; } = 4;

    /// <summary>Most bytes of one snapshot a second, so that sending it leaves room for the log; 0 means no limit.</summary>
    public long SnapshotBytesPerSecond { get; init; }

    /// <summary>Time that a receiver may take to save a snapshot after its last byte.</summary>
    public TimeSpan SnapshotSaveTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Address that connections to other members leave from; null: the system picks one. Not used with <see cref="CreateHandler"/>.</summary>
    public IPAddress? LocalAddress { get; init; }

    /// <summary>Makes the handler of outgoing requests, with TLS as wanted; null for plain HTTP.</summary>
    public Func<SocketsHttpHandler>? CreateHandler { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
