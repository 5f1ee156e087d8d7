using System.Runtime.InteropServices;
using EtcdNet.StateMachine.Mvcc;
using FASTER.core;

namespace EtcdNet.Storage.Faster;

/// <summary>The key of one part of a record: 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Bytes)]
internal struct RevisionKey(Revision revision, int part)
{
    internal const int Bytes = 16;
    internal long Main = revision.Main;
    internal int Sub = revision.Sub;
    internal int Part = part;

    internal readonly Revision Revision => new(Main, Sub);

    /// <summary>Hashes and compares keys. Revisions are dense numbers, so the hash has to spread them over all bits.</summary>
    internal sealed class Comparer : IFasterEqualityComparer<RevisionKey>
    {
        public long GetHashCode64(ref RevisionKey key)
        {
            ulong hash = (ulong)key.Main * 0x9E3779B97F4A7C15;
            hash = (hash ^ hash >> 32 ^ ((ulong)(uint)key.Sub << 32 | (uint)key.Part)) * 0xD6E8FEB86659FD93;
            return (long)(hash ^ hash >> 32);
        }

        public bool Equals(ref RevisionKey left, ref RevisionKey right) =>
            left.Main == right.Main && left.Sub == right.Sub && left.Part == right.Part;
    }
}
