using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Crash;

/// <summary>A moment at which the server is killed.</summary>
internal abstract class Aim(string name, Load load = Load.Small)
{
    /// <summary>For the report.</summary>
    public string Name => name;

    /// <summary>What is written meanwhile.</summary>
    public Load Load => load;

    /// <summary>Rounds with this aim.</summary>
    public int Rounds { get; set; }

    /// <summary>Rounds in which there is evidence that the moment was met.</summary>
    public int Hits { get; set; }

    /// <summary>Kills the server.</summary>
    public abstract Task KillAsync(KillRound round);

    /// <summary>Whether the moment was met, asked when the server is dead, before it is started again.</summary>
    public abstract bool IsHit(KillRound round);

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Hits} of {Rounds}";
}

/// <summary>In the middle of writes. Evidence: some were not answered.</summary>
internal sealed class DuringWrites() : Aim("during writes")
{
    public override async Task KillAsync(KillRound round)
    {
        await round.WaitForWritesAsync(round.Random.Next(1, 400));
        await round.Server.KillAsync();
    }

    public override bool IsHit(KillRound round) => round.Ledger.Open.Count > 0;
}

/// <summary>While dead revisions are released. Evidence: the compaction was not acknowledged (it is, when its physical half is done).</summary>
internal sealed class DuringCompaction() : Aim("during a compaction", Load.Wide)
{
    public override async Task KillAsync(KillRound round)
    {
        await round.WaitForWritesAsync(round.Random.Next(100, 300));
        if (round.Before > round.Compacted)
        {
            // Most of the history, but not all: old revisions are read after the restart.
            long span = round.Before - round.Compacted;
            _ = round.CompactAsync(round.Before - round.Random.NextInt64(0, 1 + (span / 4)));
        }
        await round.WaitForWritesAsync(round.Random.Next(1, 15));
        await round.Server.KillAsync();
    }

    public override bool IsHit(KillRound round) => round.Ledger is { CompactionAsked: > 0, CompactionDone: false };
}

/// <summary>
/// While a checkpoint is made: by a stop, or because the log has grown by 64 MiB. Evidence: the log says that one was begun, and not that it was made.
/// </summary>
internal sealed class DuringCheckpoint(bool byVolume) : Aim(byVolume ? "during a checkpoint at work" : "during the checkpoint of a stop", byVolume ? Load.Large : Load.Small)
{
    private const string Begins = "checkpoint begins";

    public override async Task KillAsync(KillRound round)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        round.Server.LineWritten = line =>
        {
            if (line.Contains(Begins, StringComparison.Ordinal))
                begun.TrySetResult();
        };
        using FileSystemWatcher files = Watch(Path.Combine(round.Server.DataDirectory, "member", "checkpoint"));
        var manifest = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        files.Created += (_, _) => manifest.TrySetResult();
        files.EnableRaisingEvents = true;
        if (!byVolume)
        {
            await round.WaitForWritesAsync(round.Random.Next(1, 200));
            round.Server.SendTerm();
        }
        // Its beginning, or its end: the manifest is being written.
        await KillRound.SeeAsync(round.Random.Next(2) == 0 ? begun.Task : manifest.Task);
        round.Server.LineWritten = null;
        await round.Server.KillAsync();
    }

    public override bool IsHit(KillRound round)
    {
        string log = round.Server.LogSinceStart;
        return log.LastIndexOf(Begins, StringComparison.Ordinal) > log.LastIndexOf("checkpoint made", StringComparison.Ordinal);
    }

    internal static FileSystemWatcher Watch(string directory)
    {
        Directory.CreateDirectory(directory);
        return new FileSystemWatcher(directory);
    }
}

/// <summary>
/// When the log goes on in a new segment. Evidence: the newest segment holds next to nothing.
/// </summary>
internal sealed class DuringSegmentSwitch() : Aim("during a segment switch", Load.Large)
{
    private const int NextToNothing = 4 << 20;

    public override async Task KillAsync(KillRound round)
    {
        using FileSystemWatcher files = DuringCheckpoint.Watch(LogDirectory(round.Server));
        var switched = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        files.Renamed += (_, _) => switched.TrySetResult();
        files.EnableRaisingEvents = true;
        await KillRound.SeeAsync(switched.Task);
        await round.Server.KillAsync();
    }

    public override bool IsHit(KillRound round)
    {
        string newest = Directory.EnumerateFiles(LogDirectory(round.Server), "*.log").Order(StringComparer.Ordinal).Last();
        using FileStream file = File.OpenRead(newest);
        file.Seek(NextToNothing, SeekOrigin.Begin);
        // A segment is reserved in full and reads as zero where nothing was written.
        byte[] behind = new byte[1 << 20];
        return file.ReadAtLeast(behind, behind.Length, throwOnEndOfStream: false) == behind.Length && !behind.AsSpan().ContainsAnyExcept((byte)0);
    }

    private static string LogDirectory(ServerProcess server) => Path.Combine(server.DataDirectory, "member", "wal");
}

/// <summary>While it recovers from the kill before, once or twice. Evidence: it had not said that it is ready.</summary>
internal sealed class DuringRecovery() : Aim("during recovery")
{
    private bool _unready;

    /// <summary>Starts that were killed.</summary>
    public int Starts { get; private set; }

    /// <summary>Those of them that had read checkpoint and log.</summary>
    public int Recovered { get; private set; }

    /// <summary>How long a start takes, the last time it was measured.</summary>
    public TimeSpan StartTime { get; set; } = TimeSpan.FromMilliseconds(300);

    public override async Task KillAsync(KillRound round)
    {
        await round.WaitForWritesAsync(round.Random.Next(1, 200));
        await round.Server.KillAsync();
        _unready = false;
        for (int i = round.Random.Next(1, 3); i > 0; i--)
        {
            round.Server.Launch();
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(round.Random.Next(1, 2 + (int)StartTime.TotalMilliseconds)));
            await moment.WaitForNextTickAsync();
            bool ready = round.Server.IsReady;
            await round.Server.KillAsync();
            Starts++;
            Recovered += round.Server.LogSinceStart.Contains("recovered; ", StringComparison.Ordinal) ? 1 : 0;
            _unready |= !ready;
        }
    }

    public override bool IsHit(KillRound round) => _unready;

    public override string ToString() => $"{base.ToString()} ({Starts} starts killed, {Recovered} of them behind the log)";
}
