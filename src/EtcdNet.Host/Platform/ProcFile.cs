using System.Globalization;

namespace EtcdNet.Host.Platform;

/// <summary>Reads figures of this process from /proc. Where there is none (not Linux), figures are 0.</summary>
public static class ProcFile
{
    private const int FieldStartTime = 22;
    private const int FieldUserTicks = 14;
    private const int FieldVirtualBytes = 23;
    private const int FieldResidentPages = 24;

    // USER_HZ is 100 on every Linux architecture that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Number of file descriptors in use.</summary>
    public static int OpenFileDescriptors()
    {
        try
        {
            return Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    /// <summary>The soft limit of file descriptors.</summary>
    public static double FileDescriptorLimit() => Limit("Max open files");

    /// <summary>The soft limit of the address space, in bytes.</summary>
    public static double AddressSpaceLimit() => Limit("Max address space");

    /// <summary>Virtual memory, in bytes.</summary>
    public static double VirtualBytes() => Stat(FieldVirtualBytes);

    /// <summary>Resident memory, in bytes.</summary>
    public static double ResidentBytes() => Stat(FieldResidentPages) * Environment.SystemPageSize;

    /// <summary>Processor time of all threads, user and system, in seconds.</summary>
    public static double CpuSeconds() => (Stat(FieldUserTicks) + Stat(FieldUserTicks + 1)) / TicksPerSecond;

    /// <summary>Start of the process, in seconds since 1970.</summary>
    public static double StartTimeSeconds()
    {
        var boot = Lines("/proc/stat").FirstOrDefault(line => line.StartsWith("btime ", StringComparison.Ordinal));
        return boot is null ? 0 : Number(boot[6..]) + Stat(FieldStartTime) / TicksPerSecond;
    }

    /// <summary>Bytes received and sent by all interfaces of the process' network namespace.</summary>
    public static (double Received, double Sent) NetworkBytes()
    {
        var (received, sent) = (0d, 0d);
        foreach (var line in Lines("/proc/self/net/dev").Skip(2))
        {
            var columns = line[(line.IndexOf(':') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length < 9) continue;
            received += Number(columns[0]);
            sent += Number(columns[8]);
        }
        return (received, sent);
    }

    private static double Limit(string name)
    {
        var line = Lines("/proc/self/limits").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        if (line is null) return 0;
        var soft = line[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return soft == "unlimited" ? ulong.MaxValue : Number(soft);
    }

    /// <summary>A field of /proc/self/stat by its number in proc(5). The second field may hold blanks, so counting starts after it.</summary>
    private static double Stat(int field)
    {
        var line = Lines("/proc/self/stat").FirstOrDefault("");
        var columns = line[(line.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return field - 3 < columns.Length ? Number(columns[field - 3]) : 0;
    }

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static double Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : 0;
}
