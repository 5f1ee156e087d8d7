using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using EtcdNet.Host.Logging;
using Serilog;

namespace EtcdNet.Host.Tests;

/// <summary>Log lines as the systemd journal takes them.</summary>
public sealed class JournalTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("etcdnet-journal-").FullName;
    private readonly MemoryStream _fallback = new();

    private string Path => System.IO.Path.Combine(_directory, "socket");

    [Fact]
    public void A_line_comes_with_its_level_and_whatever_it_holds()
    {
        using var journal = Listen();
        using var log = Open();
        log.ForContext<JournalTests>().ForContext("key", "a\nMESSAGE=forged\n").Warning("two\nlines");
        var (fields, message) = Receive(journal);
        Assert.Equal(["PRIORITY=4", "SYSLOG_IDENTIFIER=etcdnet", "PACKAGE=host"], fields);
        var line = JsonDocument.Parse(message).RootElement;
        Assert.Equal("two\nlines", line.GetProperty("msg").GetString());
        Assert.Equal("a\nMESSAGE=forged\n", line.GetProperty("key").GetString());
        log.Debug("d");
        log.Information("i");
        log.Error("e");
        log.Fatal("f");
        Assert.Equal(["PRIORITY=7", "PRIORITY=6", "PRIORITY=3", "PRIORITY=2"], Enumerable.Range(0, 4).Select(_ => Receive(journal).Fields[0]));
        Assert.Equal(0, _fallback.Length);
    }

    [Fact]
    public void What_the_journal_does_not_take_is_not_lost()
    {
        using (Listen())
            Assert.Null(JournalSink.Missing(Path));
        Assert.NotNull(JournalSink.Missing(Path));
        using var log = Open();
        log.Information("nobody listens");
        Assert.Contains("nobody listens", Encoding.UTF8.GetString(_fallback.ToArray()), StringComparison.Ordinal);
        File.Delete(Path);
        Assert.StartsWith("can't find journal (", JournalSink.Missing(Path), StringComparison.Ordinal);

        using var full = Listen();
        for (int i = 0; i < 5_000; i++)
            log.Information("nobody reads {Number}", i);
        Assert.Contains("nobody reads 4999", Encoding.UTF8.GetString(_fallback.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void Other_outputs_cannot_stand_beside_it()
    {
        Assert.Equal(["systemd/journal"], Starter.Run("--log-outputs=systemd/journal").Options.LogOutputs);
        var run = Starter.Run("--log-outputs=systemd/journal,stderr");
        Assert.Equal(1, run.Result.ExitCode);
        Assert.Contains("running with systemd/journal but other '--log-outputs' values", run.Error, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private Socket Listen()
    {
        File.Delete(Path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        socket.Bind(new UnixDomainSocketEndPoint(Path));
        return socket;
    }

    private Serilog.Core.Logger Open() =>
        new LoggerConfiguration().MinimumLevel.Verbose().WriteTo.Sink(new JournalSink(Path, LogFormat.Json, _fallback)).CreateLogger();

    private static (string[] Fields, string Message) Receive(Socket journal)
    {
        var bytes = new byte[64 << 10];
        var datagram = bytes.AsSpan(0, journal.Receive(bytes));
        var name = "\nMESSAGE\n"u8;
        var at = datagram.IndexOf(name);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(datagram[(at + name.Length)..]);
        var message = datagram.Slice(at + name.Length + 8, length);
        Assert.Equal("\n", Encoding.UTF8.GetString(datagram[(at + name.Length + 8 + length)..]));
        return (Encoding.UTF8.GetString(datagram[..at]).Split('\n'), Encoding.UTF8.GetString(message));
    }
}
