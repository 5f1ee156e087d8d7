using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Storage.Records;
using EtcdNet.Testing;
using Google.Protobuf;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace EtcdNet.Server.Tests.Snapshots;

/// <summary>How long compactions wait for a client that saves a snapshot slowly.</summary>
public sealed class SlowSnapshotTests
{
    private const int Keys = 400;
    private readonly ManualTimeProvider _time = new();
    private readonly StateMachine.StateMachine _machine = new(new MemoryBackend(), minLeaseTtl: 2);
    private readonly List<string> _warnings = [];
    private readonly SavedSnapshot _saved = new();
    private ulong _index;

    public SlowSnapshotTests()
    {
        for (int i = 0; i < Keys; i++)
            Apply(new InternalRaftRequest { Put = new PutRequest { Key = ByteString.CopyFromUtf8("key"), Value = ByteString.CopyFrom(new byte[50_000]) } });
    }

    [Fact]
    public async Task A_client_that_stands_still_is_cut_when_a_compaction_passes()
    {
        _saved.CloseWindow();
        Task saving = SaveAsync();
        Compact(100);
        Assert.False(_machine.Compactor.HasWork);
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.Empty(_warnings);
        Assert.False(_machine.Compactor.HasWork);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["snapshotting taking too long to transfer"], _warnings);
        Assert.True(_machine.Compactor.HasWork);
        _saved.OpenWindow();
        EtcdException cut = await Assert.ThrowsAsync<EtcdException>(() => saving);
        Assert.Equal(EtcdError.Compacted.Message, cut.Message);
        Assert.DoesNotContain(_saved.Messages, static message => message.RemainingBytes == 0);
    }

    [Fact]
    public async Task A_client_that_stands_still_gets_everything_when_no_compaction_passes()
    {
        _saved.CloseWindow();
        Task saving = SaveAsync();
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(20, _warnings.Count);
        _saved.OpenWindow();
        await saving;
        Assert.Equal(Keys, SavedSnapshot.Revisions(_saved.Read()).Length);
    }

    [Fact]
    public async Task Compactions_wait_for_a_client_that_is_only_slow()
    {
        // Of 20 MB it takes half at once, which is good for 40 s, and then nothing.
        var half = new TaskCompletionSource();
        _saved.Taken = message =>
        {
            if (message.RemainingBytes >= Keys * 25_000 || half.Task.IsCompleted)
                return;
            _saved.CloseWindow();
            half.SetResult();
        };
        Task saving = SaveAsync();
        await half.Task.WaitAsync(Deadline.Limit);
        Compact(100);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Single(_warnings);
        Assert.False(_machine.Compactor.HasWork);
        _saved.OpenWindow();
        await saving;
        Assert.True(_machine.Compactor.HasWork);
        Assert.Equal(Keys, SavedSnapshot.Revisions(_saved.Read()).Length);
    }

    private void Apply(InternalRaftRequest request) => Assert.Null(_machine.Apply(++_index, 1, request).Error);

    private void Compact(long revision) => Apply(new InternalRaftRequest { Compaction = new CompactionRequest { Revision = revision } });

    /// <summary>Starts, and comes back when the file is measured and the client is being waited for.</summary>
    private Task SaveAsync()
    {
        Logger log = new LoggerConfiguration().WriteTo.Sink(new Warnings(_warnings)).CreateLogger();
        var snapshots = new DatabaseSnapshots(_machine, static action => { action(); return true; }, _time, log);
        Task saving = Task.Run(() => snapshots.SendAsync(_saved, CancellationToken.None));
        Assert.True(SpinWait.SpinUntil(() => _time.ActiveTimers > 0 || saving.IsCompleted, Deadline.Limit));
        return saving;
    }

    private sealed class Warnings(List<string> texts) : ILogEventSink
    {
        public void Emit(LogEvent logEvent)
        {
            if (logEvent.Level == LogEventLevel.Warning)
                texts.Add(logEvent.RenderMessage());
        }
    }
}
