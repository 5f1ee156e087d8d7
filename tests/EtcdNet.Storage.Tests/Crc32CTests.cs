using EtcdNet.Testing;

namespace EtcdNet.Storage.Tests;

/// <summary>Every stored byte stands on this sum, and long inputs are summed up in another way than short ones.</summary>
public sealed class Crc32CTests
{
    [Fact]
    public void CheckValueOfThePolynomial() => Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));

    [Fact]
    public void LongInputsAreSummedUpAsIfBitByBit()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        byte[] bytes = new byte[20_000];
        random.NextBytes(bytes);
        foreach (int length in (int[])[0, 1, 7, 8, 4079, 4080, 4081, 4095, 4096, 8159, 8160, 8168, 12_240, 12_247, .. Enumerable.Range(0, 200).Select(_ => random.Next(bytes.Length - 8))])
        {
            ReadOnlySpan<byte> input = bytes.AsSpan(random.Next(8), length);
            uint register = (uint)random.NextInt64(1L << 32);
            Assert.True(BitByBit(register, input) == Crc32C.Update(register, input), $"seed {seed}, {length} bytes");
        }
    }

    private static uint BitByBit(uint register, ReadOnlySpan<byte> bytes)
    {
        foreach (byte one in bytes)
        {
            register ^= one;
            for (int bit = 0; bit < 8; bit++)
                register = (register >> 1) ^ ((register & 1) != 0 ? 0x82F63B78 : 0);
        }

        return register;
    }
}
