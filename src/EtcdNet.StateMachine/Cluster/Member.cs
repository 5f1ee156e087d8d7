using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace EtcdNet.StateMachine.Cluster;

/// <summary>A member of the cluster.</summary>
public sealed record Member
{
    /// <summary>Its id.</summary>
    public ulong Id { get; init; }

    /// <summary>Name; empty until it has started.</summary>
    public string Name { get; init; } = "";

    /// <summary>Where other members reach it.</summary>
    public IReadOnlyList<string> PeerUrls { get; init; } = [];

    /// <summary>Where clients reach it; empty until it has started.</summary>
    public IReadOnlyList<string> ClientUrls { get; init; } = [];

    /// <summary>Gets the log but does not vote.</summary>
    public bool IsLearner { get; init; }
}

/// <summary>Ids as etcd computes them, so that members of both kinds agree.</summary>
public static class MemberIds
{
    /// <summary>
    /// Id of a member: the first 8 bytes of SHA-1 over its sorted peer URLs and the cluster token. A member added later has
    /// an empty token and the decimal unix time, seconds, behind it.
    /// </summary>
    public static ulong OfMember(IEnumerable<string> peerUrls, string token, long? unixSeconds = null)
    {
        string text = string.Concat(peerUrls.Order(StringComparer.Ordinal)) + token + unixSeconds;
        return First8(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Id of a cluster: the first 8 bytes of SHA-1 over the ids of its initial members in ascending order.</summary>
    public static ulong OfCluster(IEnumerable<ulong> memberIds)
    {
        ulong[] ids = [.. memberIds.Order()];
        byte[] bytes = new byte[8 * ids.Length];
        for (int i = 0; i < ids.Length; i++)
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8 * i), ids[i]);
        return First8(bytes);
    }

    private static ulong First8(byte[] bytes)
    {
#pragma warning disable CA5350 // Names things; protects nothing.
        return BinaryPrimitives.ReadUInt64BigEndian(SHA1.HashData(bytes));
#pragma warning restore CA5350
    }
}
