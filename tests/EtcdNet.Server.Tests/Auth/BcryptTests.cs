using System.Text;
using EtcdNet.Server.Auth;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Tests.Auth;

/// <summary>Password hashes that etcd can check, and the other way round.</summary>
public sealed class BcryptTests
{
    // Published vectors of the algorithm, under the name that etcd gives it.
    [Theory]
    [InlineData("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")]
    [InlineData("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy")]
    public void Known_hashes_are_recognised(string password, string hash)
    {
        Assert.True(Bcrypt.Verify(password, Encoding.ASCII.GetBytes(hash)));
        Assert.False(Bcrypt.Verify(password + "x", Encoding.ASCII.GetBytes(hash)));
    }

    [Theory]
    [InlineData("secret")]
    [InlineData("")]
    [InlineData("ütf-8 \U0001f511")]
    [InlineData("seventy-two bytes: 0123456789012345678901234567890123456789012345678901234")]
    public void A_hash_fits_its_password_only(string password)
    {
        string hash = Bcrypt.Hash(password[..Math.Min(72, password.Length)], Bcrypt.CostMin);
        Assert.StartsWith("$2a$04$", hash, StringComparison.Ordinal);
        Assert.NotEqual(hash, Bcrypt.Hash(password[..Math.Min(72, password.Length)], Bcrypt.CostMin));
        Assert.True(Bcrypt.Verify(password[..Math.Min(72, password.Length)], Encoding.ASCII.GetBytes(hash)));
        Assert.False(Bcrypt.Verify("other" + password, Encoding.ASCII.GetBytes(hash)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("hash")]
    [InlineData("$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWN")]
    [InlineData("$2a$99$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy")]
    [InlineData("$1a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy")]
    [InlineData("$2a$05$\u0001CCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy")]
    public void What_is_no_hash_fits_nothing(string hash) => Assert.False(Bcrypt.Verify("", Encoding.Latin1.GetBytes(hash)));

    [Theory]
    [InlineData("$2a$31$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", 4, 31)]
    [InlineData("$2b$17$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", 10, 17)]
    [InlineData("$2y$21$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", 20, 21)]
    public async Task A_hash_that_takes_hours_takes_no_place(string hash, int own, int cost)
    {
        using var passwords = new Passwords(own);
        byte[] bytes = Encoding.ASCII.GetBytes(hash);
        Assert.Equal(cost, Bcrypt.CostOf(bytes));
        EtcdException refused = await Assert.ThrowsAsync<EtcdException>(() => passwords.VerifyAsync("x", bytes, CancellationToken.None).WaitAsync(Deadline.Limit));
        Assert.Contains($"bcrypt cost {cost} would take too long", refused.Message, StringComparison.Ordinal);
        Assert.Throws<EtcdException>(() => passwords.RefuseCostly(bytes));
        using var same = new Passwords(cost);
        same.RefuseCostly(bytes);
        passwords.RefuseCostly(Encoding.ASCII.GetBytes("$2a$16$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"));
        passwords.RefuseCostly("no hash"u8);
    }

    [Fact]
    public async Task Hashes_are_right_while_memory_is_moved_about()
    {
        bool over = false;
        Task mover = Task.Run(() =>
        {
            while (!Volatile.Read(ref over))
            {
                GC.KeepAlive(Enumerable.Range(0, 100).Select(static size => new byte[size * 100]).ToArray());
                GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
            }
        });
        for (int i = 0; i < 100; i++)
            Assert.True(Bcrypt.Verify("secret", Encoding.ASCII.GetBytes(Bcrypt.Hash("secret", Bcrypt.CostMin))));
        Volatile.Write(ref over, true);
        await mover;
    }

    [Fact]
    public async Task Passwords_that_bcrypt_would_cut_are_refused()
    {
        using var passwords = new Passwords(Bcrypt.CostMin);
        EtcdException tooLong = await Assert.ThrowsAsync<EtcdException>(() => passwords.HashAsync(new string('x', 73), CancellationToken.None));
        Assert.Equal("bcrypt: password length exceeds 72 bytes", tooLong.Message);
        await Assert.ThrowsAsync<EtcdException>(() => passwords.HashAsync("a\0b", CancellationToken.None));
        byte[] hash = Encoding.ASCII.GetBytes(await passwords.HashAsync("a", CancellationToken.None));
        Assert.True(await passwords.VerifyAsync("a", hash, CancellationToken.None));
        Assert.False(await passwords.VerifyAsync("a\0b", hash, CancellationToken.None));
    }
}
