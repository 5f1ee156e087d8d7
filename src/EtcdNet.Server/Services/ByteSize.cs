using System.Globalization;

namespace EtcdNet.Server.Services;

/// <summary>Sizes as people read them in etcd's log: <c>37 kB</c>, <c>1.2 GB</c>; powers of 1000.</summary>
internal static class ByteSize
{
    private static readonly string[] s_units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

    /// <summary>The text.</summary>
    public static string Text(long bytes)
    {
        double value = bytes;
        int unit = 0;
        for (; value >= 1000; unit++)
            value /= 1000;
        value = Math.Floor((value * 10) + 0.5) / 10;
        return $"{value.ToString(unit > 0 && value < 10 ? "0.0" : "0", CultureInfo.InvariantCulture)} {s_units[unit]}";
    }
}
