using System.IO.Compression;
using System.Text;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Logging;
using EtcdNet.Testing;

namespace EtcdNet.Host.Tests;

public sealed class LogRotationTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("etcdnet-log-");
    private readonly ManualTimeProvider _time = new();

    private string LogPath => Path.Combine(_directory.FullName, "etcd.log");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Settings_are_read_as_lumberjack_reads_them()
    {
        Assert.Equal(new LogRotation { MaxBytes = 100L << 20 }, LogRotation.Parse("{}"));
        Assert.Equal(new LogRotation { MaxBytes = 100L << 20 }, LogRotation.Parse(FlagTable.ByName["log-rotation-config-json"].Default));
        Assert.Equal(
            new LogRotation { MaxBytes = 3L << 20, MaxAge = TimeSpan.FromDays(7), MaxBackups = 2, LocalTime = true, Compress = true },
            LogRotation.Parse("""{"MaxSize":3,"maxage":7,"maxbackups":2,"localtime":true,"compress":true,"filename":"ignored"}"""));
    }

    [Theory]
    [InlineData("{", "improperly formatted log rotation config: ")]
    [InlineData("[]", "invalid log rotation config: it must be a JSON object (set to [])")]
    [InlineData("{\"maxsize\":-1}", "invalid log rotation config: maxsize must be a whole number from 0 to 1048576 (set to -1)")]
    [InlineData("{\"maxage\":\"7\"}", "invalid log rotation config: maxage must be a whole number from 0 to 365000 (set to \"7\")")]
    [InlineData("{\"compress\":1}", "invalid log rotation config: compress must be true or false (set to 1)")]
    public void Wrong_settings_are_named(string json, string message) =>
        Assert.StartsWith(message, Assert.Throws<ConfigurationException>(() => LogRotation.Parse(json)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_full_file_is_renamed_and_no_line_is_lost_or_cut()
    {
        using var file = new RotatingFile(LogPath, new LogRotation { MaxBytes = 100 }, _time);
        for (int i = 0; i < 30; i++)
            WriteLine(file, $"line {i:00} ...........");
        await file.Tidying;
        var files = Files();
        Assert.True(files.Length > 5);
        Assert.All(files, path => Assert.InRange(new FileInfo(path).Length, 1, 100));
        // By name the old ones are in the order of their time, and the present one comes last.
        var lines = files.SelectMany(File.ReadAllLines);
        Assert.Equal(Enumerable.Range(0, 30).Select(i => $"line {i:00} ..........."), lines);
    }

    [Fact]
    public async Task A_line_that_is_larger_than_a_file_may_be_has_one_of_its_own()
    {
        using var file = new RotatingFile(LogPath, new LogRotation { MaxBytes = 10 }, _time);
        WriteLine(file, "a");
        WriteLine(file, "much larger than ten bytes");
        WriteLine(file, "b");
        await file.Tidying;
        Assert.Equal(["a\n", "much larger than ten bytes\n", "b\n"], Files().Select(File.ReadAllText));
    }

    [Fact]
    public async Task A_start_goes_on_with_the_file_that_is_there()
    {
        File.WriteAllText(LogPath, "before\n");
        using (var file = new RotatingFile(LogPath, new LogRotation { MaxBytes = 20 }, _time))
        {
            WriteLine(file, "after");
            WriteLine(file, "does not fit");
            await file.Tidying;
        }
        Assert.Equal(["before\nafter\n", "does not fit\n"], Files().Select(File.ReadAllText));
    }

    [Fact]
    public async Task Old_files_are_deleted_by_number_and_age()
    {
        using var file = new RotatingFile(LogPath, new LogRotation { MaxBytes = 1, MaxBackups = 3 }, _time);
        for (int i = 0; i < 10; i++)
        {
            WriteLine(file, $"{i}");
            _time.Advance(TimeSpan.FromDays(1));
        }
        await file.Tidying;
        Assert.Equal(["6\n", "7\n", "8\n", "9\n"], Files().Select(File.ReadAllText));

        File.WriteAllText(Path.Combine(_directory.FullName, "etcd-notes.log"), "not ours");
        using var younger = new RotatingFile(LogPath, new LogRotation { MaxBytes = 1, MaxAge = TimeSpan.FromDays(2) }, _time);
        await younger.Tidying;
        Assert.Equal(["7\n", "8\n", "not ours", "9\n"], Files().Select(File.ReadAllText));
    }

    [Fact]
    public async Task Old_files_are_compressed()
    {
        using var file = new RotatingFile(LogPath, new LogRotation { MaxBytes = 1, MaxBackups = 2, Compress = true }, _time);
        foreach (string line in new[] { "a", "b", "c", "d" })
        {
            WriteLine(file, line);
            _time.Advance(TimeSpan.FromHours(1));
            await file.Tidying;
        }
        var old = Files().Where(static path => path.EndsWith(".gz", StringComparison.Ordinal)).ToArray();
        Assert.Equal(3, Files().Length);
        Assert.Equal(["b\n", "c\n"], old.Select(Decompress));
        Assert.Matches(@"/etcd-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log\.gz$", old[0]);
    }

    [Fact]
    public void A_file_that_somebody_took_away_is_begun_anew()
    {
        using var file = new RotatingFile(LogPath, new LogRotation { MaxBytes = 5 }, _time);
        WriteLine(file, "a line");
        File.Delete(LogPath);
        WriteLine(file, "b line");
        Assert.Equal(["b line\n"], Files().Select(File.ReadAllText));
    }

    [Fact]
    public void The_flags_take_one_file_and_no_more()
    {
        string path = LogPath;
        Assert.Equal(1L << 20, Starter.Run("--enable-log-rotation", "--log-outputs", $"stderr,{path}", "--log-rotation-config-json", "{\"maxsize\":1}").Options.LogRotation!.MaxBytes);
        Assert.Null(Starter.Run("--log-outputs", path).Options.LogRotation);
        foreach (string outputs in new[] { "stderr", $"{path},{path}2" })
        {
            Assert.Contains(
                "--log-outputs requires a single file path when --log-rotate-config-json is defined",
                Starter.Run("--enable-log-rotation", "--log-outputs", outputs).Error, StringComparison.Ordinal);
        }
    }

    private static void WriteLine(RotatingFile file, string line) => file.Write(Encoding.UTF8.GetBytes(line + "\n"));

    private static string Decompress(string path)
    {
        using var gzip = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var reader = new StreamReader(gzip);
        return reader.ReadToEnd();
    }

    private string[] Files() => [.. Directory.GetFiles(_directory.FullName).Order(StringComparer.Ordinal)];
}
