using System.Collections.Concurrent;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Corruption;
using EtcdNet.Server.Membership;
using EtcdNet.Server.Snapshots;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Tests.Cluster;

/// <summary>Members in one process that call each other. Each can be cut off.</summary>
internal sealed class LocalNetwork
{
    private readonly ConcurrentDictionary<ulong, RunningMember> _members = new();
    private readonly ConcurrentDictionary<ulong, bool> _cut = new();
    private Action<byte[]>? _damageOnce;
    private int _snapshots;

    /// <summary>Snapshots that arrived.</summary>
    public int Snapshots => Volatile.Read(ref _snapshots);

    /// <summary>A member that seems to keep something else than the others.</summary>
    public ulong Liar { get; set; }

    /// <summary>Changes the bytes of the next snapshot on its way.</summary>
    public void DamageNext(Action<byte[]> damage) => _damageOnce = damage;

    public void Join(RunningMember member)
    {
        _members[member.Peers.MemberId] = member;
        var transport = new Transport(this, member.Peers);
        member.Connect(transport, transport);
    }

    public void Leave(ulong id) => _members.TryRemove(id, out _);

    public void Cut(ulong id) => _cut[id] = true;

    public void Heal() => _cut.Clear();

    private RunningMember? FindMember(ulong from, ulong to) =>
        _cut.ContainsKey(from) || _cut.ContainsKey(to) ? null : _members.GetValueOrDefault(to);

    private PeerInbox? Find(ulong from, ulong to) => FindMember(from, to)?.Peers;

    private sealed class Transport(LocalNetwork network, PeerInbox self) : IPeerTransport, IPeerConnections
    {
        public void Send(Message message)
        {
            if (network.Find(self.MemberId, message.To)?.Receive(self.MemberId, message) is null)
                self.ReportUnreachable(message.To);
        }

        public void SendSnapshot(Message message, IOutgoingSnapshot state) => Task.Run(() =>
        {
            bool ok = false;
            using (state)
            {
                using var stream = new MemoryStream();
                state.WriteTo(stream);
                byte[] bytes = stream.ToArray();
                Interlocked.Exchange(ref network._damageOnce, null)?.Invoke(bytes);
                try
                {
                    ok = network.Find(self.MemberId, message.To)?.ReceiveSnapshot(self.MemberId, message, new MemoryStream(bytes)) == PeerVerdict.Taken;
                }
                catch (Exception refused) when (refused is InvalidDataException or IOException)
                {
                    // Refused by the receiver: sent again.
                }
            }

            if (ok)
                Interlocked.Increment(ref network._snapshots);
            self.ReportSnapshot(message.To, ok);
        });

        public DateTimeOffset? ActiveSince(ulong member) => network.Find(self.MemberId, member) is null ? null : DateTimeOffset.UnixEpoch;

        public ValueTask<string?> AskServerVersionAsync(ulong member, CancellationToken cancellation) =>
            new(network.Find(self.MemberId, member) is null ? null : EtcdVersion.Server);

        public async ValueTask<MemberHash?> AskHashAsync(ulong member, long revision, CancellationToken cancellation)
        {
            try
            {
                if (network.FindMember(self.MemberId, member) is not { } asked)
                    return null;
                var answer = await asked.Questions.HashKvAsync(revision, cancellation);
                uint hash = network.Liar == member ? ~answer.Hash : answer.Hash;
                return new MemberHash(hash, answer.CompactRevision, answer.Header.Revision);
            }
            catch (EtcdException)
            {
                return null;
            }
        }

        public void MembersChanged(IReadOnlyList<Member> members, IReadOnlyList<ulong> removed)
        {
        }
    }
}
