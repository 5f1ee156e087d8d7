using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Membership;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage;
using Serilog;

namespace EtcdNet.Server.Corruption;

/// <summary>
/// Compares what this member keeps with what the others keep, as etcd does (surface section 5.6): members that applied the same log have
/// the same hash, so one that has another was damaged, or has a defect. Who does not answer, is behind, or has compacted meanwhile
/// proves nothing.
/// </summary>
/// <param name="machine">What this member keeps.</param>
/// <param name="self">Its id.</param>
/// <param name="own">Hashes it.</param>
/// <param name="reads">Tells when this member has everything that any client could have been told before.</param>
/// <param name="status">Knows what is committed, and what of it is applied here.</param>
/// <param name="proposer">For the alarm CORRUPT, which stops all writes.</param>
/// <param name="connections">Asks the others.</param>
/// <param name="log">Log of the process.</param>
internal sealed class CorruptionCheck(
    StateMachine.StateMachine machine, OwnHash own, ulong self, IReadIndexGate reads, IConsensusStatus status, IProposer proposer,
    Func<IPeerConnections> connections, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan ApplyPoll = TimeSpan.FromMilliseconds(10);

    private readonly ILogger _log = log.ForContext<CorruptionCheck>();
    private long _compactionChecked;

    /// <summary>Before a member takes part, and again before it serves clients (gate InitialCorruptCheck): nobody may read what only it has.</summary>
    /// <exception cref="DataDirectoryException">Another member has something else at the same revision.</exception>
    public async Task BeforeServingAsync(CancellationToken cancellation)
    {
        if (await own.AtAsync(0, cancellation).ConfigureAwait(false) is not { } here)
            throw new DataDirectoryException("the data of this member is damaged (the log says which record); remove this member and add it again with an empty directory (etcdctl member remove, member add)");
        Answer[] others = await AskOthersAsync(here.Revision, cancellation).ConfigureAwait(false);
        foreach (Answer other in others.Where(other => other.Hash is not { IsDamaged: false } hash || hash.CompactRevision != here.CompactRevision))
            _log.Warning("member {Member:x} cannot be compared with at the start: it does not answer, is at another revision, or is damaged itself", other.Member);
        Answer[] different = [.. others.Where(other => Differs(other, here) && !other.Hash!.Value.IsDamaged)];
        if (different.Length == 0)
        {
            _log.Information("compared the data with that of the other members that answered; revision {Revision}", here.Revision);
            return;
        }
        string members = string.Join(", ", different.Select(other => $"{other.Member:x} has {other.Hash!.Value.Hash}"));
        throw new DataDirectoryException($"found data inconsistency with peers: the hash of the keys at revision {here.Revision} is {here.Hash} here, but member {members}; "
            + "if the others agree, remove this member and add it again with an empty directory (etcdctl member remove, member add)");
    }

    /// <summary>On the leader, now and then (<c>--corrupt-check-time</c>): raises the alarm for each member that differs or cannot be right.</summary>
    /// <exception cref="EtcdException">No quorum, or the alarm was not taken.</exception>
    public async Task CompareAsync(CancellationToken cancellation)
    {
        if (await own.AtAsync(0, cancellation).ConfigureAwait(false) is not { } here)
        {
            await RaiseAsync(self, cancellation).ConfigureAwait(false);
            return;
        }
        Answer[] others = await AskOthersAsync(here.Revision, cancellation).ConfigureAwait(false);
        await CatchUpAsync(cancellation).ConfigureAwait(false);
        foreach (Answer other in others)
        {
            if (other.Hash is not { } hash)
                _log.Warning("member {Member:x} cannot be compared with: it does not answer, or is behind", other.Member);
            else if (WhyWrong(hash, here) is { } reason)
            {
                _log.Error("found data inconsistency with member {Member:x}: {Reason:l}", other.Member, reason);
                await RaiseAsync(other.Member, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Everything that was committed when the others answered is here after this: a leader alone may read without asking anybody, but a
    /// learner can have applied before it.
    /// </summary>
    private async Task CatchUpAsync(CancellationToken cancellation)
    {
        await reads.WaitAsync(cancellation).ConfigureAwait(false);
        ulong committed = status.Current.CommitIndex;
        while (machine.AppliedIndex < committed)
            await Task.Delay(ApplyPoll, time, cancellation).ConfigureAwait(false);
    }

    /// <summary>On the leader (gate CompactHashCheck): compares the hashes that all members kept of the last compactions, newest first.</summary>
    /// <exception cref="EtcdException">The alarm was not taken.</exception>
    public async Task CompareCompactionsAsync(CancellationToken cancellation)
    {
        foreach (KvHashResult here in machine.Store.Hashes.NewestFirst().Where(hash => hash.Revision > _compactionChecked))
        {
            Answer[] others = await AskOthersAsync(here.Revision, cancellation).ConfigureAwait(false);
            if (others.Length > 0 && await JudgeCompactionAsync(here, others, cancellation).ConfigureAwait(false))
                return;
        }
    }

    private static bool Differs(Answer other, KvHashResult here) =>
        other.Hash is { } hash && hash.CompactRevision == here.CompactRevision && hash.Hash != here.Hash;

    private string? WhyWrong(MemberHash other, KvHashResult here)
    {
        if (other.CurrentRevision > machine.Store.CurrentRevision)
            return $"its revision {other.CurrentRevision} is higher than the leader's {machine.Store.CurrentRevision}";
        if (other.CompactRevision > machine.Store.CompactRevision)
            return $"its compact revision {other.CompactRevision} is higher than the leader's {machine.Store.CompactRevision}";
        if (other.CompactRevision == here.CompactRevision && other.Hash != here.Hash)
            return $"the hash of its keys at revision {here.Revision} is {other.Hash}, the leader's {here.Hash}";
        return null;
    }

    /// <returns>True when older compactions need not be looked at: all members agree on this one, or the alarm is raised.</returns>
    private async Task<bool> JudgeCompactionAsync(KvHashResult here, Answer[] others, CancellationToken cancellation)
    {
        Answer[] comparable = [.. others.Where(other => other.Hash?.CompactRevision == here.CompactRevision)];
        bool all = comparable.Length == others.Length;
        if (comparable.All(other => other.Hash!.Value.Hash == here.Hash))
        {
            if (all)
                _compactionChecked = here.Revision;
            _log.Information("compared the hashes of compaction {Revision}; {Members} of {Others} others answered, all the same", here.Revision, comparable.Length, others.Length);
            return all;
        }

        var members = comparable.Select(static other => (other.Member, other.Hash!.Value.Hash)).Append((Member: self, here.Hash)).ToLookup(static one => one.Hash, static one => one.Member);
        _log.Error("the members' hashes of compaction {Revision} differ: {Hashes:l}", here.Revision,
            string.Join("; ", members.Select(static group => $"{group.Key}: {string.Join(',', group.Select(static member => member.ToString("x")))}")));
        int quorum = ((others.Length + 1) / 2) + 1;
        // Without a majority nobody knows who is right: 0 stands for all.
        ulong[] wrong = members.FirstOrDefault(group => group.Count() >= quorum) is { } right
            ? [.. members.Where(group => group.Key != right.Key).SelectMany(static group => group)]
            : [0];
        foreach (ulong member in wrong)
            await RaiseAsync(member, cancellation).ConfigureAwait(false);
        return true;
    }

    private async Task RaiseAsync(ulong member, CancellationToken cancellation)
    {
        if (machine.Alarms.Get(AlarmType.Corrupt).Any(alarm => alarm.MemberID == member))
            return;
        // It may have been removed while it was asked.
        if (member != 0 && machine.Members.Find(member) is null)
            return;
        var alarm = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, MemberID = member, Alarm = AlarmType.Corrupt };
        await proposer.ProposeAsync(new InternalRaftRequest { Alarm = alarm }, cancellation).ConfigureAwait(false);
        _log.Error("alarm CORRUPT is raised for member {Member:x}: nothing can be written until it is lowered", member);
    }

    private async Task<Answer[]> AskOthersAsync(long revision, CancellationToken cancellation)
    {
        IPeerConnections link = connections();
        return await Task.WhenAll(machine.Members.Members.Where(member => member.Id != self)
            .Select(async member => new Answer(member.Id, await link.AskHashAsync(member.Id, revision, cancellation).ConfigureAwait(false)))).ConfigureAwait(false);
    }

    /// <summary>What a member answered; null: nothing that can be used.</summary>
    private readonly record struct Answer(ulong Member, MemberHash? Hash);
}
