using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EtcdNet.Storage;

/// <summary>
/// CRC-32C (Castagnoli) with the processor's instruction, 8 bytes a step. The instruction takes three cycles but one can begin in each,
/// so of long inputs three pieces are summed up side by side, and put together by a carry-less multiplication.
/// </summary>
public static class Crc32C
{
    // Three of these and two words are a sector of the store.
    private const int LaneWords = 170;
    private const int BlockWords = 3 * LaneWords;

    // The highest power is in the lowest bit.
    private const uint Polynomial = 0x82F63B78;
    private const uint One = 1u << 31; // x^0

    // x^(bits - 33) modulo the polynomial: the product of such a factor and a register has 33 bits too few, and those are what summing
    // its 64 bits up (which multiplies by x^32 and reduces), with both numbers' bits in reverse order (which loses one more), makes good.
    private static readonly uint _pastOneLane = PowerOfX((LaneWords * 64) - 33);
    private static readonly uint _pastTwoLanes = PowerOfX((2 * LaneWords * 64) - 33);

    private static readonly uint[] _zeros = FactorsOfZeros();

    /// <summary>Checksum of some bytes.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes) => ~Update(~0u, bytes);

    /// <summary>
    /// Goes on from a raw register value (no inversion at either end), for checksums over several pieces or with a seed.
    /// </summary>
    // Optimized at once: a fresh process would sum its first hundreds of megabytes up with unoptimized code.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Update(uint register, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        int at = 0;
        if (Sse42.X64.IsSupported && Pclmulqdq.IsSupported)
        {
            for (; words.Length - at >= BlockWords; at += BlockWords)
                register = UpdateBlock(register, ref Unsafe.Add(ref MemoryMarshal.GetReference(words), at));
        }

        for (; at < words.Length; at++)
            register = BitOperations.Crc32C(register, BitConverter.IsLittleEndian ? words[at] : BinaryPrimitives.ReverseEndianness(words[at]));
        foreach (byte b in bytes[(words.Length * sizeof(ulong))..])
            register = BitOperations.Crc32C(register, b);
        return register;
    }

    /// <summary>What a register is to be multiplied by (<see cref="Multiply"/>) to get past so many zero bytes.</summary>
    internal static uint FactorOfZeros(long count)
    {
        uint factor = One;
        for (int bit = 0; count != 0; bit++, count >>= 1)
        {
            if ((count & 1) != 0)
                factor = Multiply(factor, _zeros[bit]);
        }
        return factor;
    }

    /// <summary>Product of two polynomials modulo that of the checksum; the highest power in the lowest bit.</summary>
    internal static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (; a != 0; a <<= 1)
        {
            if ((a & One) != 0)
                product ^= b;
            b = TimesX(b);
        }
        return product;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static uint UpdateBlock(uint register, ref ulong block)
    {
        ref ulong second = ref Unsafe.Add(ref block, LaneWords);
        ref ulong third = ref Unsafe.Add(ref second, LaneWords);
        ulong a = register, b = 0, c = 0;
        for (int i = 0; i < LaneWords; i++)
        {
            a = Sse42.X64.Crc32(a, Unsafe.Add(ref block, i));
            b = Sse42.X64.Crc32(b, Unsafe.Add(ref second, i));
            c = Sse42.X64.Crc32(c, Unsafe.Add(ref third, i));
        }

        return (uint)c ^ Shift((uint)a, _pastTwoLanes) ^ Shift((uint)b, _pastOneLane);
    }

    /// <summary>The register after as many zeros as the factor stands for.</summary>
    private static uint Shift(uint register, uint factor)
    {
        Vector128<ulong> product = Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar((ulong)register), Vector128.CreateScalar((ulong)factor), 0);
        return (uint)Sse42.X64.Crc32(0, product.ToScalar());
    }

    private static uint PowerOfX(int exponent)
    {
        uint power = One;
        for (int i = 0; i < exponent; i++)
            power = TimesX(power);
        return power;
    }

    private static uint TimesX(uint polynomial) => (polynomial >> 1) ^ ((polynomial & 1) != 0 ? Polynomial : 0);

    // x^(8 * 2^i)
    private static uint[] FactorsOfZeros()
    {
        uint[] factors = new uint[63];
        factors[0] = PowerOfX(8);
        for (int i = 1; i < factors.Length; i++)
            factors[i] = Multiply(factors[i - 1], factors[i - 1]);
        return factors;
    }
}
