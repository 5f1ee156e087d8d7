using EtcdNet.Server.Corruption;
using EtcdNet.Server.Membership;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Testing;

namespace EtcdNet.Server.Tests.Membership;

/// <summary>Which changes could cost the quorum. Members: S started, U not yet, L learner that has started; lower case is not connected.</summary>
public sealed class ReconfigurationCheckTests
{
    [Theory]
    [InlineData("S", false, null)] // the way out of a backup
    [InlineData("SU", false, "started")]
    [InlineData("SS", false, null)]
    [InlineData("SSU", false, "started")]
    [InlineData("SSS", false, null)]
    [InlineData("SSs", false, "health")]
    [InlineData("SSSL", false, null)]
    [InlineData("SSSl", false, null)] // learners do not count
    [InlineData("SU", true, "health")]
    [InlineData("SS", true, null)]
    [InlineData("Ss", true, "health")]
    public void Adding(string cluster, bool asLearner, string? refusal) => Expect(refusal, Check(cluster), check => check.ThrowUnlessAddable(asLearner));

    [Theory]
    [InlineData("S", 1, "started")] // the last one
    [InlineData("SS", 2, null)]
    [InlineData("SU", 1, "started")]
    [InlineData("SU", 2, null)]
    [InlineData("SSS", 3, null)]
    [InlineData("SSs", 3, null)] // it is down already
    [InlineData("SSs", 2, "health")]
    [InlineData("SSs", 1, "health")]
    [InlineData("SSSSs", 4, null)]
    [InlineData("SSsl", 4, null)]
    [InlineData("SSS", 9, "unknown")]
    public void Removing(string cluster, int number, string? refusal) =>
        Expect(refusal, Check(cluster), check => check.ThrowUnlessRemovable((ulong)number));

    [Theory]
    [InlineData("SL", 2, null)]
    [InlineData("SUL", 3, null)]
    [InlineData("SUUL", 4, "started")]
    public void Promoting(string cluster, int number, string? refusal) =>
        Expect(refusal, Check(cluster), check => check.ThrowUnlessPromotable((ulong)number));

    [Fact]
    public void A_member_is_healthy_after_five_seconds()
    {
        var time = new ManualTimeProvider();
        var connections = new FakeConnections { [2] = time.GetUtcNow() };
        var check = new ReconfigurationCheck(1, Members("SS"), () => connections, time);
        Expect("health", check, static check => check.ThrowUnlessAddable(asLearner: false));
        time.Advance(TimeSpan.FromSeconds(4.9));
        Expect("health", check, static check => check.ThrowUnlessAddable(asLearner: false));
        time.Advance(TimeSpan.FromSeconds(0.1));
        check.ThrowUnlessAddable(asLearner: false);
    }

    private static void Expect(string? refusal, ReconfigurationCheck check, Action<ReconfigurationCheck> change)
    {
        string? text = refusal switch
        {
            null => null,
            "started" => EtcdError.MemberNotEnoughStarted.Message,
            "health" => EtcdError.Unhealthy.Message,
            _ => EtcdError.MemberNotFound.Message,
        };
        Assert.Equal(text, Record.Exception(() => change(check))?.Message);
    }

    private static ReconfigurationCheck Check(string cluster)
    {
        var time = new ManualTimeProvider();
        var connections = new FakeConnections();
        for (int i = 1; i < cluster.Length; i++)
        {
            if (cluster[i] is 'S' or 'L')
                connections[(ulong)i + 1] = time.GetUtcNow();
        }
        time.Advance(TimeSpan.FromMinutes(1));
        return new ReconfigurationCheck(1, Members(cluster), () => connections, time);
    }

    private static MemberStore Members(string cluster)
    {
        var members = new MemberStore();
        members.Restore(cluster.Select(static (kind, i) => new Member { Id = (ulong)i + 1, Name = kind == 'U' ? "" : $"m{i}", IsLearner = kind is 'L' or 'l' }), []);
        return members;
    }
}

/// <summary>Since when members are connected, and what they say of themselves.</summary>
internal sealed class FakeConnections : Dictionary<ulong, DateTimeOffset>, IPeerConnections
{
    public Dictionary<ulong, string> Versions { get; } = [];

    public Func<ulong, long, ValueTask<MemberHash?>> Hashes { get; set; } = static (_, _) => new((MemberHash?)null);

    public DateTimeOffset? ActiveSince(ulong member) => TryGetValue(member, out DateTimeOffset since) ? since : null;

    public ValueTask<string?> AskServerVersionAsync(ulong member, CancellationToken cancellation) => new(Versions.GetValueOrDefault(member));

    public ValueTask<MemberHash?> AskHashAsync(ulong member, long revision, CancellationToken cancellation) => Hashes(member, revision);
}
