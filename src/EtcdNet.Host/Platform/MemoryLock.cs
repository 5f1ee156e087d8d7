using System.ComponentModel;
using System.Runtime.InteropServices;
using EtcdNet.Host.Configuration;

namespace EtcdNet.Host.Platform;

/// <summary>Keeps the process in memory (<c>--memory-mlock</c>): a member that is swapped out answers too late to be of use.</summary>
internal static partial class MemoryLock
{
    private const int Current = 1;
    private const int Future = 2;

    // The runtime reserves address space by the hundred gigabytes: only what is used may count.
    private const int OnFault = 4;

    /// <summary>Locks every page that is in use, now and later.</summary>
    /// <exception cref="ConfigurationException">The process may not do that.</exception>
    public static void LockAll()
    {
        if (LockAll(Current | Future | OnFault) == 0)
            return;
        string reason = new Win32Exception(Marshal.GetLastPInvokeError()).Message;
        throw new ConfigurationException($"--memory-mlock: memory cannot be locked: {reason}; allow it with CAP_IPC_LOCK or without a limit (LimitMEMLOCK=infinity, ulimit -l unlimited)")
        {
            LogMessage = "failed to start or run etcdnet", IsFatal = true,
        };
    }

    [LibraryImport("libc", EntryPoint = "mlockall", SetLastError = true)]
    private static partial int LockAll(int flags);
}
