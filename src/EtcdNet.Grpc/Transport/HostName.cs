using System.Buffers;

namespace EtcdNet.Grpc.Transport;

/// <summary>Which <c>:authority</c> values Kestrel takes: a name or address, with a port of digits or none.</summary>
internal static class HostName
{
    private static readonly SearchValues<byte> HostBytes = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$&'()-._~"u8);

    public static bool IsHostByte(byte value) => HostBytes.Contains(value);

    public static bool IsAcceptable(ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty)
            return true;
        int nameEnd = value[0] == '[' ? BracketsEnd(value) : value.IndexOfAnyExcept(HostBytes);
        if (nameEnd < 0)
            return value[0] != '[';
        return nameEnd > 0 && (nameEnd == value.Length || IsPort(value[nameEnd..]));
    }

    private static int BracketsEnd(ReadOnlySpan<byte> value)
    {
        int close = value.IndexOf((byte)']');
        if (close < 4)
            return -1;
        foreach (byte b in value[1..close])
        {
            if (!char.IsAsciiHexDigit((char)b) && b is not ((byte)':' or (byte)'.'))
                return -1;
        }

        return close + 1;
    }

    private static bool IsPort(ReadOnlySpan<byte> rest) =>
        rest.Length > 1 && rest[0] == ':' && !rest[1..].ContainsAnyExceptInRange((byte)'0', (byte)'9');
}
