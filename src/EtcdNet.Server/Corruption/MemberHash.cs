namespace EtcdNet.Server.Corruption;

/// <summary>What another member says of its keys at a revision.</summary>
/// <param name="Hash">CRC-32C, as HashKV gives it.</param>
/// <param name="CompactRevision">Compact revision whose rule the hash follows.</param>
/// <param name="CurrentRevision">Newest revision of that member when it answered.</param>
public readonly record struct MemberHash(uint Hash, long CompactRevision, long CurrentRevision)
{
    /// <summary>It cannot read all of them: such a member answers 0, which no healthy one has.</summary>
    public bool IsDamaged => Hash == 0;
}
