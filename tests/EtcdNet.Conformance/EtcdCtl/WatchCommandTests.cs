using System.Globalization;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>etcdctl watch: history, live events, and being refused.</summary>
public abstract class WatchCommandTests(ServerFixture fixture, string program) : IClassFixture<ServerFixture>
{
    private readonly EtcdCtlTool _etcdctl = new(fixture.Server, program);

    [Fact]
    public async Task Watch_from_an_old_revision_gives_history_then_live_events()
    {
        var revision = await RevisionAsync();
        await _etcdctl.RunAsync("put", "w/a", "1");
        await _etcdctl.RunAsync("put", "w/b", "2");
        await _etcdctl.RunAsync("put", "unrelated", "x");
        await using var watch = _etcdctl.Start("watch", "w/", "--prefix", "--rev", (revision + 1).ToString(CultureInfo.InvariantCulture));
        await ExpectAsync(watch, "PUT", "w/a", "1", "PUT", "w/b", "2");
        await _etcdctl.RunAsync("put", "w/a", "3");
        await _etcdctl.RunAsync("del", "w/b");
        await ExpectAsync(watch, "PUT", "w/a", "3", "DELETE", "w/b", "");
    }

    [Fact]
    public async Task Watch_with_prev_kv_shows_the_value_before()
    {
        var revision = await RevisionAsync();
        await _etcdctl.RunAsync("put", "prev", "old");
        await _etcdctl.RunAsync("put", "prev", "new");
        await _etcdctl.RunAsync("del", "prev");
        await using var watch = _etcdctl.Start("watch", "prev", "--prev-kv", "--rev", (revision + 1).ToString(CultureInfo.InvariantCulture));
        await ExpectAsync(watch, "PUT", "prev", "old", "PUT", "prev", "old", "prev", "new", "DELETE", "prev", "new", "prev", "");
    }

    [Fact]
    public async Task A_revision_in_the_future_is_waited_for()
    {
        var revision = await RevisionAsync();
        await using var watch = _etcdctl.Start("watch", "future", "--rev", (revision + 2).ToString(CultureInfo.InvariantCulture));
        await _etcdctl.RunAsync("put", "future", "too early");
        await _etcdctl.RunAsync("put", "future", "in time");
        await ExpectAsync(watch, "PUT", "future", "in time");
    }

    [Fact]
    public async Task The_events_of_a_txn_come_together_and_in_order()
    {
        var revision = await RevisionAsync();
        await _etcdctl.RunWithInputAsync("\nput t/2 b\nput t/1 a\n\n\n", "txn");
        await using var watch = _etcdctl.Start("watch", "t/", "--prefix", "--rev", (revision + 1).ToString(CultureInfo.InvariantCulture));
        await ExpectAsync(watch, "PUT", "t/2", "b", "PUT", "t/1", "a");
    }

    [Fact]
    public async Task A_compacted_revision_is_refused()
    {
        await _etcdctl.RunAsync("put", "gone", "1");
        await _etcdctl.RunAsync("put", "gone", "2");
        await _etcdctl.RunAsync("compaction", $"{await RevisionAsync()}");
        await using var watch = _etcdctl.Start("watch", "gone", "--rev", "1");
        var result = await watch.FinishAsync(TimeSpan.FromSeconds(10));
        Assert.Equal("", result.Output);
        Assert.Equal(
            "watch was canceled (etcdserver: mvcc: required revision has been compacted)\nError: watch is canceled by the server\n",
            result.Error);
    }

    [Fact]
    public async Task Watch_runs_a_command_for_every_event()
    {
        await _etcdctl.RunAsync("put", "exec", "1");
        const string Script = "echo ran $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE";
        await using var watch = _etcdctl.Start("watch", "exec", "--rev", $"{await RevisionAsync()}", "--", "sh", "-c", Script);
        await ExpectAsync(watch, "PUT", "exec", "1", "ran \"PUT\" \"exec\" \"1\"");
        await _etcdctl.RunAsync("del", "exec");
        await ExpectAsync(watch, "DELETE", "exec", "", "ran \"DELETE\" \"exec\" \"\"");
    }

    [Fact]
    public async Task An_interactive_watch_takes_several_keys_and_asks_for_progress()
    {
        await using var watch = _etcdctl.Start("watch", "-i");
        await _etcdctl.RunAsync("put", "typed/old", "1");
        var revision = await RevisionAsync();
        await watch.Input.WriteAsync($"watch typed/new\nwatch typed/old --rev {revision}\n");
        await watch.Input.FlushAsync();
        await ExpectAsync(watch, "PUT", "typed/old", "1");
        await _etcdctl.RunAsync("put", "typed/new", "2");
        await ExpectAsync(watch, "PUT", "typed/new", "2");
        await watch.Input.WriteAsync("progress\n");
        await watch.Input.FlushAsync();
        var told = await watch.ReadLineAsync();
        Assert.StartsWith("progress notify: ", told, StringComparison.Ordinal);
        Assert.True(long.Parse(told.Split(' ')[2], CultureInfo.InvariantCulture) > revision, told);
    }

    private static async Task ExpectAsync(Command watch, params string[] lines)
    {
        foreach (var line in lines)
            Assert.Equal(line, await watch.ReadLineAsync());
    }

    private async Task<long> RevisionAsync() =>
        (await _etcdctl.RunJsonAsync("get", "none")).GetProperty("header").GetProperty("revision").GetInt64();

    /// <summary>With the system's program.</summary>
    public sealed class Debian(ServerFixture fixture) : WatchCommandTests(fixture, EtcdCtlPrograms.Debian);

    /// <summary>With the newer program.</summary>
    public sealed class Newer(ServerFixture fixture) : WatchCommandTests(fixture, EtcdCtlPrograms.Newer);
}
