using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace EtcdNet.Storage;

/// <summary>CRC-32C (Castagnoli) with the processor's instruction, 8 bytes a step.</summary>
public static class Crc32C
{
    /// <summary>Checksum of some bytes.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes) => ~Update(~0u, bytes);

    /// <summary>
    /// Goes on from a raw register value (no inversion at either end), for checksums over several pieces or with a seed.
    /// </summary>
    public static uint Update(uint register, ReadOnlySpan<byte> bytes)
    {
        int words = bytes.Length & ~7;
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(bytes[..words]))
            register = BitOperations.Crc32C(register, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        foreach (byte b in bytes[words..])
            register = BitOperations.Crc32C(register, b);
        return register;
    }
}
