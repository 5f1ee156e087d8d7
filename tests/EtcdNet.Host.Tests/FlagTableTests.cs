using EtcdNet.Host.Configuration;

namespace EtcdNet.Host.Tests;

public sealed class FlagTableTests
{
    public static TheoryData<string> Names => [.. FlagTable.All.Select(flag => flag.Name)];

    public static TheoryData<string> NotBuilt =>
        [.. FlagTable.All.Where(flag => flag.Status == FlagStatus.NotYet).Select(flag => flag.Name)];

    [Fact]
    public void Table_holds_the_flags_old_names_and_ignored_names_of_etcd()
    {
        var own = FlagTable.All.Where(flag => flag.Name.StartsWith("etcdnet-", StringComparison.Ordinal)).ToArray();
        Assert.All(own, flag => Assert.Equal("EtcdNet", flag.Versions));
        Assert.Equal(127 + 24 + 15, FlagTable.All.Count - own.Length);
        Assert.Equal(FlagTable.All.Count, FlagTable.ByName.Count);
        Assert.Equal(15, FlagTable.All.Count(flag => flag.Status == FlagStatus.Ignored && flag.YamlPath is null));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_flag_has_a_valid_default_a_check_and_a_line_of_help(string name)
    {
        var flag = FlagTable.ByName[name];
        Assert.EndsWith(".", flag.Help, StringComparison.Ordinal);
        Assert.True(flag.Help.Length > 15, flag.Help);
        Assert.Equal("ETCD_" + name.ToUpperInvariant().Replace('-', '_').Replace('.', '_'), flag.EnvironmentName);
        Assert.Null(FlagCheck.Error(flag, flag.Default));
        if (flag.Kind is not (FlagKind.Text or FlagKind.List)) Assert.NotNull(FlagCheck.Error(flag, "\u0001wrong"));
        if (flag.Kind == FlagKind.Choice) Assert.NotEmpty(flag.Choices);
        if (flag.ReplacedBy is not null) Assert.Equal(FlagTable.ByName[flag.ReplacedBy].Kind, flag.Kind);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_flag_but_the_removed_ones_is_in_the_help(string name)
    {
        var shown = Usage.Full().Split('\n').Any(line => line.StartsWith($"  --{name} ", StringComparison.Ordinal));
        Assert.Equal(FlagTable.ByName[name].Status != FlagStatus.Removed, shown);
    }

    [Theory]
    [MemberData(nameof(NotBuilt))]
    public void What_is_not_built_is_refused_by_name_from_every_source_and_accepted_as_default(string name)
    {
        var flag = FlagTable.ByName[name];
        var other = Other(flag);
        // An old name is refused under the name that is asked for.
        var named = $"--{flag.ReplacedBy ?? name}";

        var line = Starter.Run($"--{name}={other}");
        Assert.Equal(1, line.Result.ExitCode);
        Assert.Null(line.Result.Options);
        Assert.Contains("not built yet", line.Error, StringComparison.Ordinal);
        Assert.Contains(named, line.Error, StringComparison.Ordinal);

        var environment = Starter.RunWith(new() { [flag.EnvironmentName] = other });
        Assert.Equal(1, environment.Result.ExitCode);
        Assert.Contains(named, environment.Error, StringComparison.Ordinal);

        Assert.NotNull(Starter.Run($"--{name}={flag.Default}").Result.Options);
    }

    private static string Other(Flag flag) => flag.Kind switch
    {
        FlagKind.Bool => flag.Default == "true" ? "false" : "true",
        FlagKind.Int or FlagKind.UInt or FlagKind.UInt32 => "7",
        FlagKind.Duration => "7m",
        FlagKind.Urls => "http://127.0.0.1:9",
        FlagKind.Choice => flag.Choices.First(choice => choice != flag.Default && choice.Length > 0),
        _ => "something",
    };
}
