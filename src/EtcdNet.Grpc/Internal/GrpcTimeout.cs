namespace EtcdNet.Grpc.Internal;

/// <summary>The <c>grpc-timeout</c> header: one to eight digits and a unit out of H M S m u n.</summary>
internal static class GrpcTimeout
{
    /// <summary>Longest delay a timer takes; a deadline beyond it (49 days) never fires.</summary>
    public static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    /// <summary>Parses strictly: no sign, no space, no ninth digit.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > 9)
            return false;
        long value = 0;
        foreach (char digit in text[..^1])
        {
            if (!char.IsAsciiDigit(digit))
                return false;
            value = (value * 10) + (digit - '0');
        }

        long ticks = text[^1] switch
        {
            'H' => value * TimeSpan.TicksPerHour,
            'M' => value * TimeSpan.TicksPerMinute,
            'S' => value * TimeSpan.TicksPerSecond,
            'm' => value * TimeSpan.TicksPerMillisecond,
            'u' => value * TimeSpan.TicksPerMicrosecond,
            'n' => (value + 99) / 100,
            _ => -1,
        };
        timeout = TimeSpan.FromTicks(ticks);
        return ticks >= 0;
    }
}
