using System.Globalization;
using System.IO.Compression;

namespace EtcdNet.Host.Logging;

/// <summary>
/// A log file that is renamed when it is full: <c>etcd.log</c> becomes <c>etcd-2026-01-31T12-00-00.000.log</c> and a new one begins.
/// Old files are compressed and deleted in the background. One writer at a time; each write is one line and stays whole.
/// </summary>
internal sealed class RotatingFile : Stream
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH-mm-ss.fff";
    private const string Gz = ".gz";

    private readonly string _path;
    private readonly LogRotation _rotation;
    private readonly TimeProvider _time;
    private readonly Lock _tidyGate = new();
    private FileStream _file;
    private long _length;
    private Task _tidying = Task.CompletedTask;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public RotatingFile(string path, LogRotation rotation, TimeProvider time)
    {
        _path = Path.GetFullPath(path);
        _rotation = rotation;
        _time = time;
        _file = Open();
        _length = _file.Length;
        Tidy();
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Completes when old files are compressed and deleted as they should be.</summary>
    public Task Tidying => Volatile.Read(ref _tidying);

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (_length > 0 && _length + buffer.Length > _rotation.MaxBytes)
            Rotate();
        _file.Write(buffer);
        _length += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        // Nothing is buffered.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _file.Dispose();
        base.Dispose(disposing);
    }

    private FileStream Open() => new(_path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private void Rotate()
    {
        try
        {
            if (File.Exists(_path))
                File.Move(_path, BackupPath());
            FileStream next = Open();
            _file.Dispose();
            _file = next;
            _length = 0;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Lines in a file that is too large are better than no lines.
            return;
        }
        Tidy();
    }

    private string BackupPath()
    {
        DateTimeOffset now = _rotation.LocalTime ? _time.GetLocalNow() : _time.GetUtcNow();
        while (true)
        {
            string path = Path.Combine(Path.GetDirectoryName(_path)!, $"{Prefix}{now.ToString(TimeFormat, CultureInfo.InvariantCulture)}{Path.GetExtension(_path)}");
            if (!File.Exists(path) && !File.Exists(path + Gz))
                return path;
            // Two in one millisecond.
            now = now.AddMilliseconds(1);
        }
    }

    private string Prefix => Path.GetFileNameWithoutExtension(_path) + "-";

    private void Tidy() => Volatile.Write(ref _tidying, Task.Run(() =>
    {
        lock (_tidyGate)
        {
            try
            {
                TidyNow();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // The next rotation tries again.
            }
        }
    }));

    private void TidyNow()
    {
        List<(string Path, DateTime Time)> backups = Backups();
        DateTime oldest = _rotation.MaxAge > TimeSpan.Zero
            ? (_rotation.LocalTime ? _time.GetLocalNow() : _time.GetUtcNow()).DateTime - _rotation.MaxAge : DateTime.MinValue;
        for (int i = 0; i < backups.Count; i++)
        {
            (string path, DateTime time) = backups[i];
            if (time < oldest || (_rotation.MaxBackups > 0 && i >= _rotation.MaxBackups))
                File.Delete(path);
            else if (_rotation.Compress && !path.EndsWith(Gz, StringComparison.Ordinal))
                CompressFile(path);
        }
    }

    /// <summary>Old files, the newest first.</summary>
    private List<(string Path, DateTime Time)> Backups()
    {
        var found = new List<(string Path, DateTime Time)>();
        string extension = Path.GetExtension(_path);
        foreach (string path in Directory.EnumerateFiles(Path.GetDirectoryName(_path)!, Prefix + "*"))
        {
            string name = Path.GetFileName(path);
            string plain = name.EndsWith(extension + Gz, StringComparison.Ordinal) ? name[..^Gz.Length] : name;
            if (plain.Length <= Prefix.Length + extension.Length || !plain.EndsWith(extension, StringComparison.Ordinal))
                continue;
            string time = plain[Prefix.Length..^extension.Length];
            if (DateTime.TryParseExact(time, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime rotated))
                found.Add((path, rotated));
        }
        found.Sort(static (a, b) => b.Time.CompareTo(a.Time));
        return found;
    }

    private static void CompressFile(string path)
    {
        string partial = path + Gz + ".tmp";
        using (FileStream from = File.OpenRead(path))
        using (FileStream to = File.Create(partial))
        using (var gzip = new GZipStream(to, CompressionLevel.Optimal))
            from.CopyTo(gzip);
        File.Move(partial, path + Gz, overwrite: true);
        File.Delete(path);
    }
}
