using System.Buffers;
using System.Text;

namespace EtcdNet.Grpc.Internal;

/// <summary>How <c>grpc-message</c> carries any text: UTF-8, with all but printable ASCII (and <c>%</c>) as <c>%XX</c>.</summary>
internal static class PercentEncoding
{
    private static readonly SearchValues<char> Plain = SearchValues.Create(
        [.. Enumerable.Range(0x20, 0x5f).Select(c => (char)c).Where(c => c != '%')]);

    public static string Encode(string text)
    {
        if (!text.AsSpan().ContainsAnyExcept(Plain))
            return text;
        var encoded = new StringBuilder(text.Length + 16);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            if (b is >= 0x20 and <= 0x7e and not (byte)'%')
                encoded.Append((char)b);
            else
                encoded.Append('%').Append(b.ToString("X2"));
        }

        return encoded.ToString();
    }

    /// <summary>Takes back <see cref="Encode"/>.</summary>
    public static string Decode(string text) => Uri.UnescapeDataString(text);
}
