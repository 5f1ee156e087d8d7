using System.Buffers;
using System.Numerics;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Wire;

/// <summary>
/// raftpb.Message and what it is made of, byte for byte as etcd writes them: scalars always, also when 0; bytes and lists when they
/// hold something (surface section 5.5).
/// </summary>
public static class MessageCodec
{
    private static readonly SnapshotMetadata NoSnapshot = SnapshotMetadata.Empty;

    /// <summary>Writes <paramref name="message"/>.</summary>
    /// <returns>Bytes written.</returns>
    public static long Write(IBufferWriter<byte> output, Message message, WireForm form = WireForm.Etcd36)
    {
        ArgumentNullException.ThrowIfNull(message);
        var writer = new WireWriter(output);
        Write(ref writer, message, form);
        writer.Commit();
        return writer.Written;
    }

    /// <summary>The message as an array.</summary>
    public static byte[] Encode(Message message, WireForm form = WireForm.Etcd36)
    {
        ArgumentNullException.ThrowIfNull(message);
        var buffer = new ArrayBufferWriter<byte>(Size(message, form));
        Write(buffer, message, form);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a message. Payloads are parts of <paramref name="data"/>, which must not change any more.</summary>
    /// <exception cref="InvalidDataException">The bytes are no raftpb.Message.</exception>
    public static Message Read(ReadOnlyMemory<byte> data)
    {
        var reader = new WireReader(data);
        ulong type = 0, to = 0, from = 0, term = 0, logTerm = 0, index = 0, commit = 0, hint = 0, vote = 0;
        var reject = false;
        List<Entry>? entries = null;
        Snapshot? snapshot = null;
        ReadOnlyMemory<byte> context = default;
        while (reader.Next(out var field))
        {
            switch (field)
            {
                case 1: type = reader.Varint(); break;
                case 2: to = reader.Varint(); break;
                case 3: from = reader.Varint(); break;
                case 4: term = reader.Varint(); break;
                case 5: logTerm = reader.Varint(); break;
                case 6: index = reader.Varint(); break;
                case 7: (entries ??= []).Add(ReadEntry(reader.Bytes())); break;
                case 8: commit = reader.Varint(); break;
                case 9: snapshot = ReadSnapshot(reader.Bytes()); break;
                case 10: reject = reader.Varint() != 0; break;
                case 11: hint = reader.Varint(); break;
                case 12: context = reader.Bytes(); break;
                case 13: vote = reader.Varint(); break;
                default: reader.Skip(); break;
            }
        }

        return new Message
        {
            Type = (MessageType)Checked(type), To = to, From = from, Term = term, LogTerm = logTerm, Index = index, Commit = commit,
            Entries = entries is null ? [] : EntrySlice.From(entries.ToArray()), Vote = vote, Reject = reject, RejectHint = hint,
            Context = context,

            // Members up to 3.5 always write a snapshot; an empty one is none.
            Snapshot = snapshot is { IsEmpty: true, Data.IsEmpty: true } ? null : snapshot,
        };
    }

    /// <summary>Reads raftpb.Entry; the payload is a part of <paramref name="data"/>.</summary>
    /// <exception cref="InvalidDataException">The bytes are no entry.</exception>
    public static Entry ReadEntry(ReadOnlyMemory<byte> data)
    {
        var reader = new WireReader(data);
        ulong type = 0, term = 0, index = 0;
        ReadOnlyMemory<byte> payload = default;
        while (reader.Next(out var field))
        {
            switch (field)
            {
                case 1: type = reader.Varint(); break;
                case 2: term = reader.Varint(); break;
                case 3: index = reader.Varint(); break;
                case 4: payload = reader.Bytes(); break;
                default: reader.Skip(); break;
            }
        }

        return new Entry((EntryType)Checked(type), term, index, payload);
    }

    internal static void Write(ref WireWriter writer, Message message, WireForm form)
    {
        writer.Field(0x08, (ulong)message.Type);
        writer.Field(0x10, message.To);
        writer.Field(0x18, message.From);
        writer.Field(0x20, message.Term);
        writer.Field(0x28, message.LogTerm);
        writer.Field(0x30, message.Index);
        foreach (ref readonly var entry in EntrySlice.From(message.Entries).Span)
        {
            writer.Byte(0x3a);
            writer.Varint((ulong)Size(entry));
            Write(ref writer, entry);
        }

        writer.Field(0x40, message.Commit);
        WriteSnapshot(ref writer, message.Snapshot, form);
        writer.Field(0x50, message.Reject ? 1ul : 0);
        writer.Field(0x58, message.RejectHint);
        if (!message.Context.IsEmpty)
            writer.Field(0x62, message.Context.Span);
        if (form == WireForm.Etcd36)
            writer.Field(0x68, message.Vote);
    }

    internal static void Write(ref WireWriter writer, in Entry entry)
    {
        writer.Field(0x08, (ulong)entry.Type);
        writer.Field(0x10, entry.Term);
        writer.Field(0x18, entry.Index);
        if (!entry.Data.IsEmpty)
            writer.Field(0x22, entry.Data.Span);
    }

    /// <summary>Encoded length of a message.</summary>
    internal static int Size(Message message, WireForm form)
    {
        var size = Number((ulong)message.Type) + Number(message.To) + Number(message.From) + Number(message.Term)
            + Number(message.LogTerm) + Number(message.Index) + Number(message.Commit) + Number(0) + Number(message.RejectHint);
        foreach (ref readonly var entry in EntrySlice.From(message.Entries).Span)
            size += Block(Size(entry));
        if (message.Snapshot is { } snapshot)
            size += Block(Size(snapshot));
        else if (form == WireForm.Etcd35)
            size += Block(Size(Snapshot.Empty));
        if (!message.Context.IsEmpty)
            size += Block(message.Context.Length);
        return checked(form == WireForm.Etcd36 ? size + Number(message.Vote) : size);
    }

    /// <summary>Encoded length of an entry.</summary>
    internal static int Size(in Entry entry) => Number((ulong)entry.Type) + Number(entry.Term) + Number(entry.Index)
        + (entry.Data.IsEmpty ? 0 : Block(entry.Data.Length));

    private static void WriteSnapshot(ref WireWriter writer, Snapshot? snapshot, WireForm form)
    {
        if (snapshot is null && form == WireForm.Etcd36)
            return;
        snapshot ??= Snapshot.Empty;
        writer.Byte(0x4a);
        writer.Varint((ulong)Size(snapshot));
        if (!snapshot.Data.IsEmpty)
            writer.Field(0x0a, snapshot.Data.Span);
        writer.Byte(0x12);
        writer.Varint((ulong)Size(snapshot.Metadata));
        writer.Byte(0x0a);
        writer.Varint((ulong)Size(snapshot.Metadata.ConfState));
        Write(ref writer, snapshot.Metadata.ConfState);
        writer.Field(0x10, snapshot.Metadata.Index);
        writer.Field(0x18, snapshot.Metadata.Term);
    }

    private static void Write(ref WireWriter writer, ConfState state)
    {
        Write(ref writer, 0x08, state.Voters);
        Write(ref writer, 0x10, state.Learners);
        Write(ref writer, 0x18, state.VotersOutgoing);
        Write(ref writer, 0x20, state.LearnersNext);
        writer.Field(0x28, state.AutoLeave ? 1ul : 0);
    }

    private static void Write(ref WireWriter writer, byte tag, IReadOnlyList<ulong> ids)
    {
        for (var i = 0; i < ids.Count; i++)
            writer.Field(tag, ids[i]);
    }

    private static Snapshot ReadSnapshot(ReadOnlyMemory<byte> data)
    {
        var reader = new WireReader(data);
        var metadata = NoSnapshot;
        ReadOnlyMemory<byte> state = default;
        while (reader.Next(out var field))
        {
            switch (field)
            {
                case 1: state = reader.Bytes(); break;
                case 2: metadata = ReadMetadata(reader.Bytes()); break;
                default: reader.Skip(); break;
            }
        }

        return new Snapshot(metadata, state);
    }

    private static SnapshotMetadata ReadMetadata(ReadOnlyMemory<byte> data)
    {
        var reader = new WireReader(data);
        var state = NoSnapshot.ConfState;
        ulong index = 0, term = 0;
        while (reader.Next(out var field))
        {
            switch (field)
            {
                case 1: state = ReadConfState(reader.Bytes()); break;
                case 2: index = reader.Varint(); break;
                case 3: term = reader.Varint(); break;
                default: reader.Skip(); break;
            }
        }

        return new SnapshotMetadata(state, index, term);
    }

    private static ConfState ReadConfState(ReadOnlyMemory<byte> data)
    {
        var reader = new WireReader(data);
        List<ulong> voters = [], learners = [], outgoing = [], next = [];
        var autoLeave = false;
        while (reader.Next(out var field))
        {
            switch (field)
            {
                case 1: reader.Numbers(voters); break;
                case 2: reader.Numbers(learners); break;
                case 3: reader.Numbers(outgoing); break;
                case 4: reader.Numbers(next); break;
                case 5: autoLeave = reader.Varint() != 0; break;
                default: reader.Skip(); break;
            }
        }

        return new ConfState { Voters = voters, Learners = learners, VotersOutgoing = outgoing, LearnersNext = next, AutoLeave = autoLeave };
    }

    private static int Size(Snapshot snapshot) =>
        (snapshot.Data.IsEmpty ? 0 : Block(snapshot.Data.Length)) + Block(Size(snapshot.Metadata));

    private static int Size(SnapshotMetadata metadata) =>
        Block(Size(metadata.ConfState)) + Number(metadata.Index) + Number(metadata.Term);

    private static int Size(ConfState state) =>
        Size(state.Voters) + Size(state.Learners) + Size(state.VotersOutgoing) + Size(state.LearnersNext) + Number(0);

    private static int Size(IReadOnlyList<ulong> ids)
    {
        var size = 0;
        for (var i = 0; i < ids.Count; i++)
            size += Number(ids[i]);
        return size;
    }

    /// <summary>A field of wire type 0 with a tag of one byte.</summary>
    private static int Number(ulong value) => 1 + Varint(value);

    /// <summary>A field of wire type 2 with a tag of one byte.</summary>
    private static int Block(int length) => checked(1 + Varint((ulong)length) + length);

    private static int Varint(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    private static int Checked(ulong type) =>
        type <= int.MaxValue ? (int)type : throw new InvalidDataException($"enumeration value {type}");
}
