namespace EtcdNet.Raft.Tests.Parts;

/// <summary>The bytes are etcd's.</summary>
public sealed class ConfChangeCodecTests
{
    [Fact]
    public void V1_writes_all_scalars_and_only_a_context_that_is_there()
    {
        Assert.Equal("080010001800", Hex(ConfChangeCodec.Encode(new ConfChange())));
        Assert.Equal("08ac021003180522026869", Hex(ConfChangeCodec.Encode(new ConfChange
        {
            Id = 300, Type = ConfChangeType.AddLearnerNode, NodeId = 5, Context = "hi"u8.ToArray(),
        })));
    }

    [Fact]
    public void V2_writes_all_scalars_of_every_change()
    {
        Assert.Equal("0800", Hex(ConfChangeCodec.Encode(new ConfChangeV2())));
        Assert.Equal("0802120408001001120408011002", Hex(ConfChangeCodec.Encode(new ConfChangeV2
        {
            Transition = ConfChangeTransition.JointExplicit,
            Changes = [new(ConfChangeType.AddNode, 1), new(ConfChangeType.RemoveNode, 2)],
        })));
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        var v1 = new ConfChange { Id = ulong.MaxValue, Type = ConfChangeType.UpdateNode, NodeId = 1ul << 63, Context = new byte[300] };
        var read = ConfChangeCodec.Decode(ConfChangeCodec.Encode(v1));
        Assert.Equal((v1.Id, v1.Type, v1.NodeId, 300), (read.Id, read.Type, read.NodeId, read.Context.Length));

        var v2 = new ConfChangeV2 { Transition = ConfChangeTransition.JointImplicit, Changes = [new(ConfChangeType.AddNode, 7)], Context = new byte[2] };
        var readV2 = ConfChangeCodec.DecodeV2(ConfChangeCodec.Encode(v2));
        Assert.Equal((v2.Transition, 2), (readV2.Transition, readV2.Context.Length));
        Assert.Equal(v2.Changes, readV2.Changes);
    }

    [Fact]
    public void Absent_and_unknown_fields_are_fine()
    {
        Assert.Equal(0ul, ConfChangeCodec.Decode(default).NodeId);
        Assert.True(ConfChangeCodec.DecodeV2(default).LeavesJoint);
        Assert.Equal(5ul, ConfChangeCodec.Decode(Convert.FromHexString("18055a0161" + "6001" + "6d01000000" + "710100000000000000")).NodeId);
    }

    [Theory]
    [InlineData("08")]
    [InlineData("0880")]
    [InlineData("2205aa")]
    [InlineData("0a0100")]
    [InlineData("00")]
    [InlineData("0b")]
    [InlineData("08ffffffffffffffffffffff01")]
    public void Broken_bytes_are_refused(string hex) =>
        Assert.Throws<FormatException>(() => ConfChangeCodec.Decode(Convert.FromHexString(hex)));

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
