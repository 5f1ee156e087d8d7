using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage;

/// <summary>
/// Where a member's log is: in its data directory, or in a directory of its own (<c>--wal-dir</c>):
/// <code>
/// wal-dir/lock      held with flock while the process lives
/// wal-dir/owner     the token of the data directory that it belongs to
/// wal-dir/wal/      the log, as it would be in data-dir/member/wal
/// </code>
/// The place is chosen when the member is founded and stays: nothing tells a log that was moved here from one of another member or from an
/// older copy, and who goes on with the wrong one forgets his votes and what he acknowledged. (etcd begins an empty log when <c>--wal-dir</c> is
/// given to a member that ran without.) Each start draws a new token for both sides, so that a copy from before the last start is known as one.
/// </summary>
internal sealed class LogPlace : IDisposable
{
    internal const string RecordName = "log-directory";
    private const string OwnerName = "owner";
    private const string LockName = "lock";
    private const string LogName = "wal";
    private const string Option = "--wal-dir";

    private readonly IDisk _disk;
    private readonly string _record;
    private readonly string _inside;
    private readonly string? _root;
    private readonly IDisposable? _lock;

    private LogPlace(IDisk disk, string member, string? root, IDisposable? @lock)
    {
        (_disk, _root, _lock) = (disk, root, @lock);
        _record = Path.Combine(member, RecordName);
        _inside = Path.Combine(member, LogName);
        Directory = root is null ? _inside : Path.Combine(root, LogName);
    }

    /// <summary>Directory of the log's files.</summary>
    internal string Directory { get; }

    private string Owner => Path.Combine(_root!, OwnerName);

    /// <summary>Locks the log's directory when it is one of its own. Nothing else is changed yet.</summary>
    /// <param name="disk">Where all this is.</param>
    /// <param name="member">The member's directory, which is locked.</param>
    /// <param name="path">Value of <c>--wal-dir</c>; null: in the data directory.</param>
    /// <exception cref="DataDirectoryException">It cannot be a log directory, or is in use.</exception>
    internal static LogPlace Open(IDisk disk, string member, string? path)
    {
        string? root = path is null ? null : Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (root is null || root == Path.Combine(member, LogName))
            return new LogPlace(disk, member, null, null);
        string data = Path.GetDirectoryName(member)!;
        if (root == data || root.StartsWith(data + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new DataDirectoryException($"{Option} {root} is inside of the data directory {data}; give it a directory of its own");
        RefuseForeign(disk, root);
        DataDirectory.MakeWithParents(disk, root);
        IDisposable @lock = disk.TryLock(Path.Combine(root, LockName))
            ?? throw new DataDirectoryException($"{Option} {root} is in use: another process holds the lock {Path.Combine(root, LockName)}");
        return new LogPlace(disk, member, root, @lock);
    }

    /// <summary>The member has run before: proves that the log there is its own and the newest.</summary>
    /// <exception cref="DataDirectoryException">It is not.</exception>
    internal void Find()
    {
        LogPlaceRecord? record = LogPlaceRecord.Read(_disk, _record);
        if (_root is null)
        {
            if (record is not null)
                throw new DataDirectoryException($"the log of this member is in {record.Path}: start it with {Option} {record.Path}");
            return;
        }

        if (record is null)
            throw new DataDirectoryException(
                $"the log of this member is in {_inside}, where it was founded; {Option} can only be given to a new member. Start it without {Option}, or let a new member with an empty data directory take its place in the cluster");
        if (record.Path != _root)
            throw new DataDirectoryException($"the log of this member is in {record.Path}, where it was founded, not in {Option} {_root}");
        if (!HasFiles(Directory))
            throw new DataDirectoryException($"{Directory} is empty or missing, but this member has run before and its log was there. {DamageAdvice.Text}");
        LogPlaceRecord? owner = LogPlaceRecord.Read(_disk, Owner);
        if (owner is null || !IsOwn(owner, record))
            throw new DataDirectoryException(
                $"{Option} {_root} holds {(owner is null ? $"a log without the file {OwnerName}" : "the log of another data directory, or an older copy")}. Nothing was changed");
        Bind(LogPlaceRecord.New(_root, owner.Token));
    }

    /// <summary>No member has run here: there must be no log, unless a first start that was interrupted has left it.</summary>
    /// <exception cref="DataDirectoryException">There is one.</exception>
    internal void Found()
    {
        LogPlaceRecord? record = LogPlaceRecord.Read(_disk, _record);
        if (_root is null)
        {
            if (record is not null)
                throw new DataDirectoryException($"a first start with {Option} {record.Path} was interrupted: start the member with it again");
            return;
        }

        if (HasFiles(_inside))
            throw new DataDirectoryException(
                $"a first start without {Option} was interrupted and has left {_inside}, or {_root} is that directory by another name: start the member without {Option}, or remove its data directory, in which nothing was acknowledged");
        LogPlaceRecord? owner = LogPlaceRecord.Read(_disk, Owner);
        bool goesOn = record?.Path == _root && (owner is null || IsOwn(owner, record));
        if (!goesOn && (record is not null || HasFiles(Directory) || owner is not null))
            throw new DataDirectoryException($"{Option} {_root} holds a log, or another directory was given before, but the data directory is new. All is left as it is: give the new member an empty directory, or the old one its data directory. {DamageAdvice.Text}");
        Bind(LogPlaceRecord.New(_root, owner?.Token ?? default));
    }

    /// <inheritdoc/>
    public void Dispose() => _lock?.Dispose();

    // First here, so that the other side is never bound to what does not know it. Once both know, the token before counts no more.
    private void Bind(LogPlaceRecord record)
    {
        // The owner that was read may be there by a name that is not on the disk yet.
        _disk.SyncDirectory(_root!);
        record.Write(_disk, _record);
        record.Write(_disk, Owner);
        if (record.Before != default)
            (record with { Before = default }).Write(_disk, _record);
    }

    // Between the first two writes of Bind the owner's token is the one before.
    private static bool IsOwn(LogPlaceRecord owner, LogPlaceRecord record) =>
        owner.Token == record.Token || (record.Before != default && owner.Token == record.Before);

    private bool HasFiles(string directory) => _disk.DirectoryExists(directory) && _disk.List(directory).Count > 0;

    private static void RefuseForeign(IDisk disk, string root)
    {
        if (disk.FileExists(root))
            throw new DataDirectoryException($"{Option} {root} is a file, not a directory");
        if (!disk.DirectoryExists(root))
            return;
        foreach (string name in disk.List(root))
        {
            if (name is not (OwnerName or OwnerName + DiskExtensions.TemporarySuffix or LockName or LogName or "lost+found") && name[0] != '.')
                throw new DataDirectoryException($"{Option} {root} holds {name}, which EtcdNet did not make; give it a directory of its own");
        }
    }
}
