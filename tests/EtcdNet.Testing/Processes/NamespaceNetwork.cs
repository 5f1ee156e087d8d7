using System.Globalization;
using System.Text;

namespace EtcdNet.Testing.Processes;

/// <summary>
/// Members in network namespaces of their own, joined by a bridge of the host: each has an address, and what passes between
/// any two of them can be cut, made lossy or slow while clients on the host still reach all. Needs root, here and in CI. Not thread-safe.
/// </summary>
public sealed class NamespaceNetwork : IAsyncDisposable
{
    private const string Subnet = "198.18";
    private static int _made;
    private readonly string _name;
    private readonly string _prefix;
    private readonly int _count;
    private readonly HashSet<(int From, int To)> _cut = [];
    private readonly HashSet<int> _lossy = [];

    private NamespaceNetwork(int count, int number)
    {
        _count = count;
        _name = string.Create(CultureInfo.InvariantCulture, $"etn{Environment.ProcessId % 1_000_000}x{number}");
        _prefix = string.Create(CultureInfo.InvariantCulture, $"{Subnet}.{(Environment.ProcessId + (number * 97)) % 250}");
    }

    /// <summary>Makes a network for so many members, numbered from 0.</summary>
    public static async Task<NamespaceNetwork> CreateAsync(int count)
    {
        var network = new NamespaceNetwork(count, Interlocked.Increment(ref _made));
        try
        {
            await network.BuildAsync();
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>Place of a member; its ports are etcd's.</summary>
    public ServerPlace PlaceOf(int member, string name) =>
        new(name, $"{AddressOf(member)}:2379", $"http://{AddressOf(member)}:2380") { Launcher = ["ip", "netns", "exec", SpaceOf(member)] };

    /// <summary>Nothing that <paramref name="from"/> sends reaches <paramref name="to"/>.</summary>
    public Task CutAsync(params (int From, int To)[] ways)
    {
        _cut.UnionWith(ways);
        return ApplyAsync();
    }

    /// <summary>One in ten packets that the member gets from other members is lost.</summary>
    public Task LoseAsync(params int[] members)
    {
        _lossy.UnionWith(members);
        return ApplyAsync();
    }

    /// <summary>
    /// Packets of the member wait: 40 ± 20 ms each where the kernel has netem; else its link has 1 Mbit/s, so that a queue builds up.
    /// Gives the name of what was used.
    /// </summary>
    public async Task<string> SlowAsync(int member)
    {
        string[] add = ["netns", "exec", SpaceOf(member), "tc", "qdisc", "replace", "dev", "eth0", "root"];
        var netem = await Command.RunAsync("ip", [.. add, "netem", "delay", "40ms", "20ms"]);
        if (netem.ExitCode == 0)
            return "netem";
        await IpAsync([.. add, "tbf", "rate", "1mbit", "burst", "8k", "latency", "200ms"]);
        return "tbf";
    }

    /// <summary>The end of <see cref="SlowAsync"/>.</summary>
    public Task UnslowAsync(int member) => IpAsync("netns", "exec", SpaceOf(member), "tc", "qdisc", "del", "dev", "eth0", "root");

    /// <summary>Pulls or plugs the cable of a member: neither members nor clients reach it.</summary>
    public Task PlugAsync(int member, bool isIn) => IpAsync("-n", SpaceOf(member), "link", "set", "eth0", isIn ? "up" : "down");

    /// <summary>The end of all cuts and losses.</summary>
    public Task HealAsync()
    {
        _cut.Clear();
        _lossy.Clear();
        return ApplyAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        for (var i = 0; i < _count; i++)
            await Command.RunAsync("ip", ["netns", "del", SpaceOf(i)]);
        await Command.RunAsync("ip", ["link", "del", _name]);
    }

    private string AddressOf(int member) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}.{member + 1}");

    private string SpaceOf(int member) => string.Create(CultureInfo.InvariantCulture, $"{_name}-{member}");

    private async Task BuildAsync()
    {
        await IpAsync("link", "add", _name, "type", "bridge");
        await IpAsync("addr", "add", $"{_prefix}.254/24", "dev", _name);
        await IpAsync("link", "set", _name, "up");
        for (var i = 0; i < _count; i++)
        {
            var outer = string.Create(CultureInfo.InvariantCulture, $"{_name}v{i}");
            await IpAsync("netns", "add", SpaceOf(i));
            await IpAsync("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", SpaceOf(i));
            await IpAsync("link", "set", outer, "master", _name, "up");
            await IpAsync("-n", SpaceOf(i), "addr", "add", $"{AddressOf(i)}/24", "dev", "eth0");
            await IpAsync("-n", SpaceOf(i), "link", "set", "lo", "up");
            await IpAsync("-n", SpaceOf(i), "link", "set", "eth0", "up");
        }
    }

    private async Task ApplyAsync()
    {
        for (var to = 0; to < _count; to++)
        {
            var rules = new StringBuilder("flush ruleset\ntable inet faults {\n chain incoming {\n  type filter hook input priority 0; policy accept;\n");
            for (var from = 0; from < _count; from++)
            {
                if (_cut.Contains((from, to)))
                    rules.Append(CultureInfo.InvariantCulture, $"  ip saddr {AddressOf(from)} drop\n");
                else if (_lossy.Contains(to) && from != to)
                    rules.Append(CultureInfo.InvariantCulture, $"  ip saddr {AddressOf(from)} numgen random mod 10 == 0 drop\n");
            }

            var result = await Command.RunAsync("ip", ["netns", "exec", SpaceOf(to), "nft", "-f", "-"], rules.Append(" }\n}\n").ToString());
            if (result.ExitCode != 0)
                throw new InvalidOperationException($"nft in {SpaceOf(to)}: {result.Error}");
        }
    }

    private static async Task IpAsync(params string[] arguments)
    {
        var result = await Command.RunAsync("ip", arguments);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"these tests make network namespaces and must be allowed to (root): ip {string.Join(' ', arguments)}: {result.Error}");
    }
}
