using EtcdNet.Server.Corruption;

namespace EtcdNet.Server.Membership;

/// <summary>What the transport knows of the other members. Any thread.</summary>
public interface IPeerConnections
{
    /// <summary>Since when a member has been connected without a break; null when it is not.</summary>
    DateTimeOffset? ActiveSince(ulong member);

    /// <summary>The release that a member runs, as it says itself ("3.6.14"); null when it does not answer in time.</summary>
    ValueTask<string?> AskServerVersionAsync(ulong member, CancellationToken cancellation);

    /// <summary>The hash of a member's keys at a revision; null when it does not answer in time, is behind, or has compacted the revision.</summary>
    ValueTask<MemberHash?> AskHashAsync(ulong member, long revision, CancellationToken cancellation);
}

/// <summary>The connections of a member that is alone.</summary>
internal sealed class NoConnections : IPeerConnections
{
    /// <inheritdoc/>
    public DateTimeOffset? ActiveSince(ulong member) => null;

    /// <inheritdoc/>
    public ValueTask<string?> AskServerVersionAsync(ulong member, CancellationToken cancellation) => new((string?)null);

    /// <inheritdoc/>
    public ValueTask<MemberHash?> AskHashAsync(ulong member, long revision, CancellationToken cancellation) => new((MemberHash?)null);
}
