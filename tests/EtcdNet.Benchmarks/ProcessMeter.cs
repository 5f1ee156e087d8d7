using System.Globalization;

namespace EtcdNet.Benchmarks;

/// <summary>Reads the cost of a process from the proc file system.</summary>
internal static class ProcessMeter
{
    // USER_HZ, which is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>User and system time since the start of the process, in seconds, to 10 ms.</summary>
    public static double CpuSeconds(int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        // The name in parentheses may hold blanks; utime and stime are fields 14 and 15, the first behind the name is field 3.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>Resident memory in MiB.</summary>
    public static double ResidentMebibytes(int pid) => Status(pid, "VmRSS:");

    /// <summary>
    /// Resident memory in MiB without mapped files, which the system may drop at any time and shares between processes: a program's code, in our case
    /// that of the runtime too.
    /// </summary>
    public static double PrivateMebibytes(int pid) => Status(pid, "RssAnon:") + Status(pid, "RssShmem:");

    /// <summary>Largest resident memory since the start of the process or <see cref="ResetPeak"/>, in MiB.</summary>
    public static double PeakMebibytes(int pid) => Status(pid, "VmHWM:");

    /// <summary>Sets the peak back to what is resident now.</summary>
    public static void ResetPeak(int pid) => File.WriteAllText($"/proc/{pid}/clear_refs", "5");

    private static double Status(int pid, string name)
    {
        var line = File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
    }
}
