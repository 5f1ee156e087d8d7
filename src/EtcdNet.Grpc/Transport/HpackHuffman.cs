namespace EtcdNet.Grpc.Transport;

/// <summary>
/// As much of HPACK's Huffman code (RFC 7541 appendix B) as the repair of one header value needs. The code is canonical:
/// it follows from the lengths alone, codes of one length being given out in the order of their symbols.
/// </summary>
internal static class HpackHuffman
{
    private const int SymbolCount = 257;
    private const int LongestCode = 30;
    private const int EndOfString = 256;

    private static readonly byte[] Lengths = BuildLengths();
    private static readonly uint[] Codes = new uint[SymbolCount];
    private static readonly uint[] FirstCode = new uint[LongestCode + 2];
    private static readonly int[] FirstSlot = new int[LongestCode + 2];
    private static readonly int[] CountOfLength = new int[LongestCode + 2];
    private static readonly short[] SymbolsInOrder = new short[SymbolCount];

    static HpackHuffman()
    {
        uint code = 0;
        int slot = 0;
        for (int length = 1; length <= LongestCode; length++)
        {
            code <<= 1;
            FirstCode[length] = code;
            FirstSlot[length] = slot;
            for (int symbol = 0; symbol < SymbolCount; symbol++)
            {
                if (Lengths[symbol] != length)
                    continue;
                Codes[symbol] = code++;
                SymbolsInOrder[slot++] = (short)symbol;
                CountOfLength[length]++;
            }
        }
    }

    /// <summary>Bits of a symbol's code.</summary>
    public static int CodeLength(byte symbol) => Lengths[symbol];

    /// <summary>A byte that host names may have and whose code has this length, or null.</summary>
    public static byte? HostByteOfLength(int length) => length switch
    {
        6 => (byte)'-',
        7 => (byte)'B',
        8 => (byte)'X',
        10 => (byte)'!',
        11 => (byte)'\'',
        13 => (byte)'~',
        _ => null,
    };

    /// <summary>Decodes a string; -1 when it is malformed.</summary>
    public static int Decode(ReadOnlySpan<byte> source, Span<byte> text)
    {
        int count = 0;
        uint code = 0;
        int length = 0;
        for (int bit = 0; bit < source.Length * 8; bit++)
        {
            code = (code << 1) | (uint)((source[bit >> 3] >> (7 - (bit & 7))) & 1);
            length++;
            if (length > LongestCode)
                return -1;
            uint offset = code - FirstCode[length];
            if (code < FirstCode[length] || offset >= CountOfLength[length])
                continue;
            int symbol = SymbolsInOrder[FirstSlot[length] + (int)offset];
            if (symbol == EndOfString)
                return -1;
            text[count++] = (byte)symbol;
            code = 0;
            length = 0;
        }

        // What is left over must be less than a byte of ones.
        return length < 8 && code == (1u << length) - 1 ? count : -1;
    }

    /// <summary>Writes a symbol's code over the bits that begin at an offset.</summary>
    public static void Overwrite(Span<byte> target, int bit, byte symbol)
    {
        int length = Lengths[symbol];
        for (int i = 0; i < length; i++, bit++)
        {
            int mask = 0x80 >> (bit & 7);
            bool one = ((Codes[symbol] >> (length - 1 - i)) & 1) != 0;
            target[bit >> 3] = (byte)(one ? target[bit >> 3] | mask : target[bit >> 3] & ~mask);
        }
    }

    private static byte[] BuildLengths() =>
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
        28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
        6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ];
}
