using System.Xml.Linq;

namespace EtcdNet.RepoRules.Tests;

/// <summary>Projects refer to each other as drawn in src/README.md, and to no package that is not theirs.</summary>
public sealed class ArrowTests
{
    public static TheoryData<string, string[], string[]> Rooms => new()
    {
        { "EtcdNet.Protocol", [], ["Google.Protobuf", "Grpc.Tools"] },
        { "EtcdNet.Raft", [], ["Microsoft.CodeAnalysis.BannedApiAnalyzers"] },
        { "EtcdNet.StateMachine", ["EtcdNet.Protocol"], ["Microsoft.CodeAnalysis.BannedApiAnalyzers"] },
        { "EtcdNet.Storage", ["EtcdNet.Raft", "EtcdNet.StateMachine"], ["Microsoft.Extensions.Logging.Abstractions"] },
        { "EtcdNet.Server", ["EtcdNet.StateMachine", "EtcdNet.Storage"], ["Microsoft.IdentityModel.JsonWebTokens", "Serilog"] },
        { "EtcdNet.Grpc", [], ["Google.Protobuf"] },
        { "EtcdNet.Peer", ["EtcdNet.Server"], [] },
        { "EtcdNet.Host", ["EtcdNet.Grpc", "EtcdNet.Peer", "EtcdNet.Server"], ["Serilog", "YamlDotNet"] },
    };

    [Theory]
    [MemberData(nameof(Rooms))]
    public void A_project_uses_only_what_it_may(string project, string[] projects, string[] packages)
    {
        XDocument file = XDocument.Load(Path.Combine(Repository.Root, "src", project, project + ".csproj"));
        IEnumerable<string?> found = References(file, "ProjectReference").Select(Path.GetFileNameWithoutExtension);
        Assert.Equal(projects, found.Order(StringComparer.Ordinal));
        Assert.Empty(References(file, "PackageReference").Except(packages));
    }

    [Fact]
    public void Every_room_is_on_the_plan()
    {
        IEnumerable<string?> folders = Directory.GetDirectories(Path.Combine(Repository.Root, "src")).Select(Path.GetFileName);
        IEnumerable<string?> planned = Rooms.Select(static row => (string?)row[0]);
        Assert.Equal(planned.Order(StringComparer.Ordinal), folders.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Versions_stand_in_one_place()
    {
        foreach (string path in Directory.EnumerateFiles(Repository.Root, "*.csproj", SearchOption.AllDirectories))
        {
            XDocument file = XDocument.Load(path);
            Assert.All(file.Descendants("PackageReference"), reference => Assert.Null(reference.Attribute("Version")));
        }
    }

    private static IEnumerable<string> References(XDocument file, string kind) =>
        file.Descendants(kind).Select(reference => reference.Attribute("Include")!.Value);
}
