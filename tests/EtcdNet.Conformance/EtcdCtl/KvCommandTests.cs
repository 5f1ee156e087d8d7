namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>put, get, del and txn as typed by a person.</summary>
public abstract class KvCommandTests(ServerFixture fixture, string program) : IClassFixture<ServerFixture>
{
    private readonly EtcdCtlTool _etcdctl = new(fixture.Server, program);

    [Fact]
    public async Task Put_then_get_gives_key_and_value()
    {
        Assert.Equal("OK\n", await _etcdctl.RunAsync("put", "greet", "hello"));
        Assert.Equal("greet\nhello\n", await _etcdctl.RunAsync("get", "greet"));
        Assert.Equal("hello\n", await _etcdctl.RunAsync("get", "greet", "--print-value-only"));
        Assert.Equal("", await _etcdctl.RunAsync("get", "greet-nobody"));
    }

    [Fact]
    public async Task Put_with_prev_kv_gives_the_old_pair()
    {
        Assert.Equal("OK\n", await _etcdctl.RunAsync("put", "twice", "one", "--prev-kv"));
        Assert.Equal("OK\ntwice\none\n", await _etcdctl.RunAsync("put", "twice", "two", "--prev-kv"));
    }

    [Fact]
    public async Task Put_takes_the_value_from_standard_input()
    {
        Assert.Equal("OK\n", await _etcdctl.RunWithInputAsync("line 1\nline 2", "put", "from-stdin"));
        Assert.Equal("from-stdin\nline 1\nline 2\n", await _etcdctl.RunAsync("get", "from-stdin"));
    }

    [Fact]
    public async Task Binary_keys_and_an_empty_value_survive()
    {
        await _etcdctl.RunAsync("put", "bin/\u00e9\u0001", "");
        Assert.Equal("\\x62\\x69\\x6e\\x2f\\xc3\\xa9\\x01\n\n", await _etcdctl.RunAsync("get", "bin/", "--prefix", "--hex"));
    }

    [Fact]
    public async Task Json_output_has_revisions_and_version()
    {
        await _etcdctl.RunAsync("put", "json", "1");
        await _etcdctl.RunAsync("put", "json", "2");
        var answer = await _etcdctl.RunJsonAsync("get", "json");
        var pair = answer.GetProperty("kvs")[0];
        var revision = answer.GetProperty("header").GetProperty("revision").GetInt64();
        Assert.Equal("anNvbg==", pair.GetProperty("key").GetString());
        Assert.Equal("Mg==", pair.GetProperty("value").GetString());
        Assert.Equal(revision, pair.GetProperty("mod_revision").GetInt64());
        Assert.Equal(revision - 1, pair.GetProperty("create_revision").GetInt64());
        Assert.Equal(2, pair.GetProperty("version").GetInt64());
        Assert.Equal(1, answer.GetProperty("count").GetInt64());
        Assert.NotEqual(0ul, answer.GetProperty("header").GetProperty("cluster_id").GetUInt64());
        Assert.NotEqual(0ul, answer.GetProperty("header").GetProperty("member_id").GetUInt64());
        Assert.True(answer.GetProperty("header").GetProperty("raft_term").GetUInt64() >= 1);
    }

    [Fact]
    public async Task Get_with_prefix_limit_and_keys_only()
    {
        foreach (var key in new[] { "list/b", "list/a", "list/c", "lisu" })
            await _etcdctl.RunAsync("put", key, "v" + key[^1]);
        Assert.Equal("list/a\nva\nlist/b\nvb\nlist/c\nvc\n", await _etcdctl.RunAsync("get", "list/", "--prefix"));
        Assert.Equal("list/a\nva\nlist/b\nvb\n", await _etcdctl.RunAsync("get", "list/", "--prefix", "--limit", "2"));
        Assert.Equal("list/a\n\nlist/b\n\nlist/c\n\n", await _etcdctl.RunAsync("get", "list/", "--prefix", "--keys-only"));
        Assert.Equal("list/a\nva\nlist/b\nvb\n", await _etcdctl.RunAsync("get", "list/a", "list/c"));
        Assert.Equal("list/b\nvb\nlist/c\nvc\n", await _etcdctl.RunAsync("get", "list/b", "--from-key", "--limit", "2"));
        var limited = await _etcdctl.RunJsonAsync("get", "list/", "--prefix", "--limit", "2");
        Assert.True(limited.GetProperty("more").GetBoolean());
        Assert.Equal(3, limited.GetProperty("count").GetInt64());
    }

    [Fact]
    public async Task Get_sorts_by_every_target()
    {
        await _etcdctl.RunAsync("put", "sort/a", "3");
        await _etcdctl.RunAsync("put", "sort/b", "1");
        await _etcdctl.RunAsync("put", "sort/c", "2");
        await _etcdctl.RunAsync("put", "sort/b", "1");
        Assert.Equal("a c b", await SortedAsync("MODIFY", "ASCEND"));
        Assert.Equal("b c a", await SortedAsync("MODIFY", "DESCEND"));
        Assert.Equal("c b a", await SortedAsync("CREATE", "DESCEND"));
        Assert.Equal("b c a", await SortedAsync("VALUE", "ASCEND"));
        Assert.Equal("c b a", await SortedAsync("KEY", "DESCEND"));
        Assert.StartsWith("b", await SortedAsync("VERSION", "DESCEND"), StringComparison.Ordinal);

        async Task<string> SortedAsync(string target, string order)
        {
            var output = await _etcdctl.RunAsync("get", "sort/", "--prefix", "--keys-only", "--sort-by", target, "--order", order);
            return string.Join(' ', output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l["sort/".Length..]));
        }
    }

    [Fact]
    public async Task Get_at_an_old_revision_and_from_the_local_member()
    {
        await _etcdctl.RunAsync("put", "old", "first");
        var revision = (await _etcdctl.RunJsonAsync("get", "old")).GetProperty("header").GetProperty("revision").GetInt64();
        await _etcdctl.RunAsync("put", "old", "second");
        Assert.Equal("old\nfirst\n", await _etcdctl.RunAsync("get", "old", "--rev", $"{revision}"));
        Assert.Equal("", await _etcdctl.RunAsync("get", "old", "--rev", $"{revision - 1}"));
        Assert.Equal("old\nsecond\n", await _etcdctl.RunAsync("get", "old", "--consistency", "s"));
    }

    [Fact]
    public async Task A_future_revision_is_refused()
    {
        var error = await _etcdctl.RunFailingAsync("get", "x", "--rev", "1000000");
        Assert.EndsWith("Error: etcdserver: mvcc: required revision is a future revision\n", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Del_gives_the_count_and_the_old_pairs()
    {
        foreach (var key in new[] { "del/a", "del/b", "del/c" })
            await _etcdctl.RunAsync("put", key, "v");
        Assert.Equal("0\n", await _etcdctl.RunAsync("del", "del/nothing"));
        Assert.Equal("1\ndel/a\nv\n", await _etcdctl.RunAsync("del", "del/a", "--prev-kv"));
        Assert.Equal("2\n", await _etcdctl.RunAsync("del", "del/", "--prefix"));
        Assert.Equal("", await _etcdctl.RunAsync("get", "del/", "--prefix"));
    }

    [Fact]
    public async Task Delete_starts_a_new_life_of_the_key()
    {
        await _etcdctl.RunAsync("put", "life", "1");
        await _etcdctl.RunAsync("put", "life", "2");
        await _etcdctl.RunAsync("del", "life");
        await _etcdctl.RunAsync("put", "life", "3");
        var pair = (await _etcdctl.RunJsonAsync("get", "life")).GetProperty("kvs")[0];
        Assert.Equal(1, pair.GetProperty("version").GetInt64());
        Assert.Equal(pair.GetProperty("mod_revision").GetInt64(), pair.GetProperty("create_revision").GetInt64());
    }

    [Fact]
    public async Task Put_with_ignore_value_and_with_an_unknown_lease()
    {
        Assert.EndsWith("Error: etcdserver: key not found\n", await _etcdctl.RunFailingAsync("put", "ignored", "--ignore-value"), StringComparison.Ordinal);
        await _etcdctl.RunAsync("put", "ignored", "kept");
        await _etcdctl.RunAsync("put", "ignored", "--ignore-value");
        Assert.Equal("ignored\nkept\n", await _etcdctl.RunAsync("get", "ignored"));
        Assert.EndsWith("Error: etcdserver: requested lease not found\n", await _etcdctl.RunFailingAsync("put", "x", "y", "--lease=dead"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interactive_txn_takes_the_right_branch()
    {
        await _etcdctl.RunAsync("put", "txn/flag", "on");
        const string Script = "value(\"txn/flag\") = \"on\"\nversion(\"txn/none\") = \"0\"\n\nput txn/result yes\nget txn/flag\n\nput txn/result no\n\n";
        var taken = await _etcdctl.RunWithInputAsync(Script, "txn", "-i");
        Assert.EndsWith("SUCCESS\n\nOK\n\ntxn/flag\non\n", taken, StringComparison.Ordinal);
        Assert.Equal("txn/result\nyes\n", await _etcdctl.RunAsync("get", "txn/result"));
        await _etcdctl.RunAsync("put", "txn/flag", "off");
        var other = await _etcdctl.RunWithInputAsync(Script, "txn", "-i");
        Assert.EndsWith("FAILURE\n\nOK\n", other, StringComparison.Ordinal);
        Assert.Equal("txn/result\nno\n", await _etcdctl.RunAsync("get", "txn/result"));
    }

    [Fact]
    public async Task Txn_refuses_the_same_key_twice_and_changes_nothing()
    {
        var result = await _etcdctl.TryAsync("\nput txn/dup 1\nput txn/dup 2\n\n\n", ["txn"]);
        Assert.NotEqual(0, result.ExitCode);
        Assert.EndsWith("Error: etcdserver: duplicate key given in txn request\n", result.Error, StringComparison.Ordinal);
        Assert.Equal("", await _etcdctl.RunAsync("get", "txn/dup"));
    }

    /// <summary>With the system's program.</summary>
    public sealed class Debian(ServerFixture fixture) : KvCommandTests(fixture, EtcdCtlPrograms.Debian);

    /// <summary>With the newer program.</summary>
    public sealed class Newer(ServerFixture fixture) : KvCommandTests(fixture, EtcdCtlPrograms.Newer);
}
