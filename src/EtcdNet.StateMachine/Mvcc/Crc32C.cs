using System.Buffers.Binary;
using System.Numerics;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>CRC-32C (Castagnoli) over pieces, with the usual inversion at both ends.</summary>
internal struct Crc32C()
{
    private uint _state = uint.MaxValue;

    public readonly uint Value => ~_state;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        uint state = _state;
        for (; bytes.Length >= 8; bytes = bytes[8..])
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte one in bytes)
            state = BitOperations.Crc32C(state, one);
        _state = state;
    }
}
