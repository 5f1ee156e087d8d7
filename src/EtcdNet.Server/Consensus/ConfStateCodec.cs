using EtcdNet.Raft;
using Google.Protobuf;

namespace EtcdNet.Server.Consensus;

/// <summary>Between the configuration of the Raft core and its bytes (raftpb.ConfState).</summary>
internal static class ConfStateCodec
{
    public static byte[] Encode(ConfState state)
    {
        var message = new Protocol.Raftpb.ConfState { AutoLeave = state.AutoLeave };
        message.Voters.AddRange(state.Voters);
        message.Learners.AddRange(state.Learners);
        message.VotersOutgoing.AddRange(state.VotersOutgoing);
        message.LearnersNext.AddRange(state.LearnersNext);
        return message.ToByteArray();
    }

    /// <summary>No bytes are the configuration before the first change.</summary>
    public static ConfState Decode(ReadOnlyMemory<byte> bytes)
    {
        Protocol.Raftpb.ConfState message = Protocol.Raftpb.ConfState.Parser.ParseFrom(bytes.Span);
        return new ConfState
        {
            Voters = [.. message.Voters],
            Learners = [.. message.Learners],
            VotersOutgoing = [.. message.VotersOutgoing],
            LearnersNext = [.. message.LearnersNext],
            AutoLeave = message.AutoLeave,
        };
    }
}
