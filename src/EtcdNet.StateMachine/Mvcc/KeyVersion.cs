namespace EtcdNet.StateMachine.Mvcc;

/// <summary>One change of one key, as the index knows it without reading the record.</summary>
/// <param name="Main">Main revision of the change (mod_revision).</param>
/// <param name="Sub">Place within that revision.</param>
/// <param name="Create">Revision that began this life of the key; 0 for a tombstone.</param>
/// <param name="Version">Puts in this life, counted from 1; 0 for a tombstone.</param>
/// <param name="HasLease">The record names a lease (which one stands in the record).</param>
/// <param name="Size">Bytes of the record; 0 when it has to be asked, as for those of 16 KiB and more.</param>
internal readonly record struct KeyVersion(long Main, int Sub, long Create, long Version, bool HasLease, int Size = 0)
{
    public bool IsTombstone => Version == 0;

    public Revision Revision => new(Main, Sub);
}

/// <summary>
/// A <see cref="KeyVersion"/> in 24 bytes. Revisions have 50 bits (35 years at a million a second), versions 46, sub revisions 30, sizes 14.
/// <see cref="MainAndSize"/> is written last: 0 means that the slot is not filled yet.
/// </summary>
internal struct PackedVersion
{
    public const long MaxRevision = (1L << 50) - 1;
    public const int MaxSub = (1 << 30) - 1;
    private const long MaxVersion = (1L << 46) - 1;
    private const int SizeMax = (1 << 14) - 1;
    private const int MainBits = 50;
    private const int TombstoneFlag = 1;
    private const int LeaseFlag = 2;

    public long MainAndSize;
    private ulong _createAndVersionHigh;
    private uint _subAndFlags;
    private uint _versionLow;

    /// <summary>Fills all but <see cref="MainAndSize"/>.</summary>
    public void SetRest(in KeyVersion version)
    {
        Invariant.Check(version.Main <= MaxRevision && version.Create <= version.Main && version.Version <= MaxVersion);
        _createAndVersionHigh = ((ulong)version.Create << 14) | (ulong)(version.Version >> 32);
        _versionLow = (uint)version.Version;
        _subAndFlags = PackSub(version);
    }

    public readonly KeyVersion Unpack(long mainAndSize) => new(
        MainOf(mainAndSize), SubOf(_subAndFlags), (long)(_createAndVersionHigh >> 14),
        (long)((_createAndVersionHigh & 0x3FFF) << 32 | _versionLow), HasLeaseIn(_subAndFlags), SizeOf(mainAndSize));

    public readonly bool IsTombstone => (_subAndFlags & TombstoneFlag) != 0;

    public static uint PackSub(in KeyVersion version)
    {
        Invariant.Check(version.Sub is >= 0 and <= MaxSub);
        return (uint)version.Sub << 2 | (version.HasLease ? LeaseFlag : 0u) | (version.IsTombstone ? TombstoneFlag : 0u);
    }

    public static long PackMain(in KeyVersion version)
    {
        Invariant.Check(version.Main is > 0 and <= MaxRevision);
        return version.Main | ((long)(version.Size <= SizeMax ? version.Size : 0) << MainBits);
    }

    public static long MainOf(long packed) => packed & MaxRevision;

    public static int SizeOf(long packed) => (int)((ulong)packed >> MainBits);

    public static int SubOf(uint packed) => (int)(packed >> 2);

    public static bool HasLeaseIn(uint packed) => (packed & LeaseFlag) != 0;
}
