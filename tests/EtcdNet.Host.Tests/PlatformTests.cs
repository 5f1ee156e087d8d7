using System.Net.Sockets;
using System.Text;
using EtcdNet.Host.Platform;

namespace EtcdNet.Host.Tests;

public sealed class PlatformTests
{
    [Fact]
    public void Systemd_is_told_on_a_path_and_on_an_abstract_address()
    {
        var name = $"etcdnet-{Guid.NewGuid():N}";
        var path = Path.Combine(Path.GetTempPath(), name);
        foreach (var (bound, told) in new[] { (path, path), ("\0" + name, "@" + name) })
        {
            using var listener = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 5_000 };
            listener.Bind(new UnixDomainSocketEndPoint(bound));
            Assert.True(SystemdNotifier.Notify(SystemdNotifier.Ready, told));
            var buffer = new byte[64];
            Assert.Equal("READY=1", Encoding.UTF8.GetString(buffer, 0, listener.Receive(buffer)));
        }
        File.Delete(path);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/nonexistent/socket")]
    public void Without_systemd_nothing_happens(string? address) => Assert.False(SystemdNotifier.Notify(SystemdNotifier.Ready, address));

    [Fact]
    public void Figures_of_the_process_are_read()
    {
        Assert.InRange(ProcFile.OpenFileDescriptors(), 3, 1_000_000);
        Assert.True(ProcFile.FileDescriptorLimit() >= ProcFile.OpenFileDescriptors());
        Assert.InRange(ProcFile.ResidentBytes(), 1 << 20, ProcFile.VirtualBytes());
        Assert.True(ProcFile.CpuSeconds() > 0);
        var age = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - ProcFile.StartTimeSeconds();
        Assert.InRange(age, -2, 3_600);
    }
}
