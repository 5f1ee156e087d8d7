namespace EtcdNet.Grpc.Transport;

/// <summary>
/// Makes the <c>:authority</c> of a header block one that Kestrel accepts. Old gRPC clients put a whole URL
/// (<c>http://127.0.0.1:2379</c>) or a socket path there; Kestrel resets such streams, real etcd does not care, and nothing
/// here uses the value. Bytes that no host name has are replaced in place by ones of the same Huffman length, so no length
/// field changes and the client's and the server's HPACK tables stay in step.
/// </summary>
internal static class AuthorityRepair
{
    private const int AuthorityIndex = 1;

    /// <summary>Repairs the first literal <c>:authority</c> of a complete HPACK block. True when bytes were changed.</summary>
    public static bool Repair(Span<byte> block)
    {
        int at = 0;
        while (at < block.Length)
        {
            byte kind = block[at];
            if ((kind & 0x80) != 0)
            {
                if (!TryReadInteger(block, ref at, 7, out _))
                    return false;
            }
            else if ((kind & 0xe0) == 0x20)
            {
                if (!TryReadInteger(block, ref at, 5, out _))
                    return false;
            }
            else if (!TryReadLiteral(block, ref at, kind, out bool isAuthority, out bool huffman, out var value))
            {
                return false;
            }
            else if (isAuthority)
            {
                return huffman ? RepairHuffman(value) : RepairPlain(value);
            }
        }

        return false;
    }

    private static bool TryReadLiteral(
        Span<byte> block, ref int at, byte kind, out bool isAuthority, out bool huffman, out Span<byte> value)
    {
        isAuthority = false;
        huffman = false;
        value = default;
        if (!TryReadInteger(block, ref at, (kind & 0x40) != 0 ? 6 : 4, out int nameIndex))
            return false;
        if (nameIndex == 0 && !TryReadString(block, ref at, out _, out _))
            return false;
        isAuthority = nameIndex == AuthorityIndex;
        return TryReadString(block, ref at, out huffman, out value);
    }

    private static bool TryReadString(Span<byte> block, ref int at, out bool huffman, out Span<byte> value)
    {
        value = default;
        huffman = at < block.Length && (block[at] & 0x80) != 0;
        if (!TryReadInteger(block, ref at, 7, out int length) || length > block.Length - at)
            return false;
        value = block.Slice(at, length);
        at += length;
        return true;
    }

    /// <summary>RFC 7541 section 5.1, with values up to 2^28: no string is longer than a header block.</summary>
    private static bool TryReadInteger(ReadOnlySpan<byte> block, ref int at, int prefixBits, out int value)
    {
        value = 0;
        if (at >= block.Length)
            return false;
        int mask = (1 << prefixBits) - 1;
        value = block[at++] & mask;
        if (value < mask)
            return true;
        for (int shift = 0; shift <= 21; shift += 7)
        {
            if (at >= block.Length)
                return false;
            byte next = block[at++];
            value += (next & 0x7f) << shift;
            if ((next & 0x80) == 0)
                return true;
        }

        return false;
    }

    private static bool RepairPlain(Span<byte> value)
    {
        if (HostName.IsAcceptable(value))
            return false;
        foreach (ref byte b in value)
        {
            if (!HostName.IsHostByte(b))
                b = (byte)'-';
        }

        return true;
    }

    private static bool RepairHuffman(Span<byte> value)
    {
        // The shortest code has 5 bits.
        int most = (value.Length * 8) / 5;
        Span<byte> text = most <= 512 ? stackalloc byte[512] : new byte[most];
        int length = HpackHuffman.Decode(value, text);
        if (length < 0 || HostName.IsAcceptable(text[..length]))
            return false;
        int bit = 0;
        bool changed = false;
        foreach (byte symbol in text[..length])
        {
            int codeLength = HpackHuffman.CodeLength(symbol);
            if (!HostName.IsHostByte(symbol) && HpackHuffman.HostByteOfLength(codeLength) is { } stand)
            {
                HpackHuffman.Overwrite(value, bit, stand);
                changed = true;
            }

            bit += codeLength;
        }

        return changed;
    }
}
