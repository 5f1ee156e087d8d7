using EtcdNet.Server.Auth;
using EtcdNet.StateMachine.Auth;
using EtcdNet.Testing;

namespace EtcdNet.Server.Tests.Auth;

/// <summary>Tokens that members remember.</summary>
public sealed class SimpleTokensTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly FakeConsensus _consensus = new();
    private readonly SimpleTokens _tokens;
    private ulong _applied = 10;

    public SimpleTokensTests() => _tokens = new SimpleTokens(TimeSpan.FromSeconds(300), _consensus, () => _applied, replayedUpTo: 3, _time);

    [Fact]
    public async Task A_token_lives_from_its_last_use()
    {
        _tokens.OnAuthenticated(7, "bob", "t.7");
        for (int i = 0; i < 3; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(299));
            Assert.Equal(new Caller("bob", 5), await IdentifyAsync("t.7"));
        }
        _time.Advance(TimeSpan.FromSeconds(301));
        Assert.Null(await IdentifyAsync("t.7"));
        Assert.Equal(0, _tokens.Count);
    }

    [Fact]
    public async Task Forgotten_tokens_are_swept_away()
    {
        _tokens.OnAuthenticated(7, "bob", "t.7");
        _time.Advance(TimeSpan.FromSeconds(301));
        _tokens.OnAuthenticated(8, "bob", "t.8");
        Assert.Equal(1, _tokens.Count);
        Assert.NotNull(await IdentifyAsync("t.8"));
    }

    [Fact]
    public async Task Tokens_end_with_the_password_and_with_authentication()
    {
        _tokens.OnAuthenticated(7, "bob", "t.7");
        _tokens.OnAuthenticated(8, "eve", "t.8");
        _tokens.OnUserInvalidated("bob");
        Assert.Null(await IdentifyAsync("t.7"));
        Assert.NotNull(await IdentifyAsync("t.8"));
        _tokens.OnAllInvalidated();
        Assert.Null(await IdentifyAsync("t.8"));
    }

    [Fact]
    public async Task What_is_applied_again_after_a_start_makes_no_token()
    {
        _tokens.OnAuthenticated(3, "bob", "t.3");
        Assert.Null(await IdentifyAsync("t.3"));
    }

    [Fact]
    public async Task A_token_of_an_entry_that_this_member_lacks_is_waited_for_once()
    {
        _consensus.OnWait = () =>
        {
            _tokens.OnAuthenticated(12, "bob", "t.12");
            _applied = 12;
            return ValueTask.CompletedTask;
        };
        Assert.Equal(new Caller("bob", 5), await IdentifyAsync("t.12"));
        _consensus.OnWait = null;
        Assert.Null(await IdentifyAsync("t.99"));
        Assert.Equal(2, _consensus.Waits);
    }

    [Theory]
    [InlineData("")]
    [InlineData("t")]
    [InlineData("t.")]
    [InlineData("t.x")]
    [InlineData("t.-1")]
    [InlineData("t.9.9")]
    [InlineData("t.5")] // of the past, and unknown
    [InlineData("t.99999999999999999999999")]
    public async Task Garbage_is_no_token_and_costs_nobody_else_anything(string token)
    {
        Assert.Null(await IdentifyAsync(token));
        Assert.Equal(0, _consensus.Waits);
    }

    [Fact]
    public void Prefixes_are_sixteen_letters_and_different() =>
        Assert.All(Enumerable.Range(0, 1000).Select(_ => _tokens.NewPrefix()).Distinct().ToArray() is { Length: 1000 } all ? all : [""],
            static prefix => Assert.Matches("^[a-zA-Z]{16}$", prefix));

    private ValueTask<Caller?> IdentifyAsync(string token) => _tokens.IdentifyAsync(token, revision: 5, CancellationToken.None);
}
