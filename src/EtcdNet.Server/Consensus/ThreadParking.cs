using System.Runtime.InteropServices;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// Lets one thread sleep until another one wakes it, by one futex call on each side. The runtime's monitors need four, and wake the sleeper into
/// a lock that its waker still holds; three such wake-ups lie on the way of each write.
/// </summary>
/// <remarks>
/// The sleeper calls <see cref="Prepare"/> under the lock under which it found that nothing waits, then <see cref="Park"/> without it.
/// Who changes that under the lock calls <see cref="Unpark"/> afterwards. A wake-up may come for nothing, but none is lost.
/// </remarks>
internal sealed partial class ThreadParking
{
    private const int WaitPrivate = 128; // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
    private const int WakePrivate = 129; // FUTEX_WAKE | FUTEX_PRIVATE_FLAG
    private const int Asleep = 0;
    private const int Awake = 1;

    private static readonly nint _futexCall = RuntimeInformation.ProcessArchitecture switch
    {
        _ when !OperatingSystem.IsLinux() => throw new PlatformNotSupportedException("threads wait by futex, which only Linux has"),
        Architecture.X64 => 202,
        Architecture.Arm64 or Architecture.RiscV64 or Architecture.LoongArch64 => 98,
        var other => throw new PlatformNotSupportedException($"the number of the futex call is not known for {other}"),
    };

    // Pinned, for the kernel knows the word by its address.
    private readonly int[] _word = GC.AllocateArray<int>(1, pinned: true);

    /// <summary>From now on an <see cref="Unpark"/> ends the next <see cref="Park"/>, or keeps it from sleeping at all.</summary>
    /// <remarks>
    /// A full fence: what the sleeper looks at afterwards must not be read before its word is written, or the wake-up of a change that it did not
    /// see could be overwritten. A lock around both gives that too; this does not rely on it.
    /// </remarks>
    public void Prepare() => Interlocked.Exchange(ref _word[0], Asleep);

    /// <summary>Sleeps until woken, at most for the given time; returns at once for zero.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative, but not <see cref="Timeout.InfiniteTimeSpan"/>.</exception>
    public unsafe void Park(TimeSpan timeout)
    {
        if (timeout == TimeSpan.Zero)
            return;
        bool isEndless = timeout == Timeout.InfiniteTimeSpan;
        if (timeout < TimeSpan.Zero && !isEndless)
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "a time to sleep cannot be negative");
        var limit = new Timespec(timeout.Ticks / TimeSpan.TicksPerSecond, timeout.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick);
        fixed (int* word = _word)
        {
            // Any outcome is a reason to look again: woken, changed already, time over, a signal.
            _ = Futex(_futexCall, word, WaitPrivate, Asleep, isEndless ? null : &limit, null, 0);
        }
    }

    /// <summary>Wakes the sleeper. Any thread.</summary>
    public unsafe void Unpark()
    {
        Volatile.Write(ref _word[0], Awake);
        fixed (int* word = _word)
            _ = Futex(_futexCall, word, WakePrivate, 1, null, null, 0);
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static unsafe partial nint Futex(nint call, int* word, nint operation, nint value, Timespec* timeout, int* other, nint mask);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Timespec(long seconds, long nanoseconds)
    {
        public readonly long Seconds = seconds;
        public readonly long Nanoseconds = nanoseconds;
    }
}
