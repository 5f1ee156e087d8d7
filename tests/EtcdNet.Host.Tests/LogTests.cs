using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EtcdNet.Host.Logging;
using Serilog;
using Serilog.Events;

namespace EtcdNet.Host.Tests;

public sealed class LogTests
{
    [Fact]
    public void A_line_has_the_shape_of_zap()
    {
        var line = Write(log => log.ForContext<ServerLog>().With(("local-member-id", "8e9e"), ("size", 5L), ("urls", new[] { "a", "b" }), ("took", TimeSpan.FromMilliseconds(150)))
            .Information("ready to serve client requests"));
        Assert.Matches(
            new Regex("""^\{"level":"info","ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","caller":"host/ServerLog\.cs","msg":"ready to serve client requests","local-member-id":"8e9e","size":5,"urls":\["a","b"\],"took":"150ms"\}\n$"""),
            line);
    }

    [Fact]
    public void Template_properties_are_rendered_without_quotes_and_are_fields_too()
    {
        var json = JsonDocument.Parse(Write(log => log.Warning("member {MemberId} is {RaftState} {{so}}", 7UL, "slow"))).RootElement;
        Assert.Equal("warn", json.GetProperty("level").GetString());
        Assert.Equal("member 7 is slow {so}", json.GetProperty("msg").GetString());
        Assert.Equal(7UL, json.GetProperty("member-id").GetUInt64());
        Assert.Equal("slow", json.GetProperty("raft-state").GetString());
    }

    [Fact]
    public void Nothing_that_a_client_sends_can_forge_a_line()
    {
        foreach (var format in new[] { LogFormat.Json, LogFormat.Console })
        {
            var text = Write(log => log.With(("key", "x\"}\n{\"level\":\"fatal\"")).Error("bad {Name}", "a\nb"), format);
            Assert.Single(text.TrimEnd('\n').Split('\n'));
        }
    }

    [Fact]
    public void An_exception_gives_error_and_stacktrace()
    {
        var json = JsonDocument.Parse(Write(log => log.Error(new IOException("disk gone"), "cannot write"))).RootElement;
        Assert.Equal("disk gone", json.GetProperty("error").GetString());
        Assert.Contains("IOException", json.GetProperty("stacktrace").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_console_form_has_columns()
    {
        var columns = Write(log => log.With(("a", 1)).Error("oh"), LogFormat.Console).TrimEnd('\n').Split('\t');
        Assert.Equal(["error", "oh", """{"a":1}"""], columns[1..]);
    }

    [Fact]
    public void The_level_can_be_changed_while_running_and_a_disabled_line_allocates_nothing()
    {
        var stream = new MemoryStream();
        using var log = ServerLog.ToStream(stream, LogFormat.Json, LogEventLevel.Information);
        var logger = log.Logger;
        logger.Debug("warm {Up}", 1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) logger.Debug("applied {Index} of {Term}", i, i);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(0, stream.Length);

        log.Level.MinimumLevel = LogEventLevel.Debug;
        logger.Debug("now");
        Assert.Contains("\"level\":\"debug\"", Encoding.UTF8.GetString(stream.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_are_appended_to()
    {
        var path = Path.Combine(Path.GetTempPath(), $"etcdnet-{Guid.NewGuid():N}.log");
        try
        {
            for (var i = 0; i < 2; i++)
            {
                using var log = ServerLog.Open(Starter.Run("--log-outputs", path, "--log-level", "warn").Options);
                log.Logger.Information("not written");
                log.Logger.Warning("written");
            }
            Assert.Equal(2, File.ReadAllLines(path).Length);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Write(Action<ILogger> write, LogFormat format = LogFormat.Json)
    {
        var stream = new MemoryStream();
        using var log = ServerLog.ToStream(stream, format, LogEventLevel.Debug);
        write(log.Logger);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
