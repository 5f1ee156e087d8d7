using EtcdNet.Raft.Quorum;
using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft.Membership;

/// <summary>A configuration change that the rules forbid. Every member refuses it alike, since all apply the same log.</summary>
public sealed class ConfChangeException(string message) : Exception(message);

/// <summary>
/// Computes the configuration that follows from changes (Raft paper §6), without touching the one in force. Operations are
/// idempotent: adding a voter twice or removing a stranger does nothing.
/// </summary>
internal sealed class ConfChanger
{
    private readonly ProgressTracker _tracker;
    private readonly ulong _lastIndex;
    private readonly SortedDictionary<ulong, Progress> _members = [];
    private readonly SortedSet<ulong> _incoming = [];
    private readonly SortedSet<ulong> _outgoing = [];
    private readonly SortedSet<ulong> _learners;
    private readonly SortedSet<ulong> _learnersNext;
    private bool _autoLeave;

    private ConfChanger(ProgressTracker tracker, ulong lastIndex)
    {
        (_tracker, _lastIndex) = (tracker, lastIndex);
        var now = tracker.Configuration;
        _incoming.UnionWith(now.Voters.Incoming.Ids.ToArray());
        _outgoing.UnionWith(now.Voters.Outgoing.Ids.ToArray());
        _learners = [.. now.Learners];
        _learnersNext = [.. now.LearnersNext];
        _autoLeave = now.AutoLeave;
        foreach (var member in tracker.Members)
            _members[member.Id] = member;
        CheckInvariants();
    }

    /// <summary>Applies a committed change. <paramref name="lastIndex"/> is where probing of new members starts.</summary>
    /// <exception cref="ConfChangeException">The change does not fit the configuration in force.</exception>
    public static (Configuration Configuration, Progress[] Members) Apply(ProgressTracker tracker, ulong lastIndex, ConfChangeV2 change)
    {
        if (change.LeavesJoint)
            return LeaveJoint(tracker, lastIndex);
        return change.EntersJoint
            ? EnterJoint(tracker, lastIndex, change.AutoLeave, change.Changes)
            : Simple(tracker, lastIndex, change.Changes);
    }

    /// <summary>Changes at most one voter, so that old and new majorities overlap (Raft thesis §4.1).</summary>
    public static (Configuration Configuration, Progress[] Members) Simple(
        ProgressTracker tracker, ulong lastIndex, IReadOnlyList<ConfChangeSingle> changes)
    {
        if (tracker.Configuration.IsJoint)
            throw new ConfChangeException("can't apply simple config change in joint config");
        var next = new ConfChanger(tracker, lastIndex);
        next.Apply(changes);
        if (next.ChangedVoters() > 1)
            throw new ConfChangeException("more than one voter changed without entering joint config");
        return next.Build();
    }

    /// <summary>The voters in force become the outgoing set; the changes make the incoming one.</summary>
    public static (Configuration Configuration, Progress[] Members) EnterJoint(
        ProgressTracker tracker, ulong lastIndex, bool autoLeave, IReadOnlyList<ConfChangeSingle> changes)
    {
        if (tracker.Configuration.IsJoint)
            throw new ConfChangeException("config is already joint");
        var next = new ConfChanger(tracker, lastIndex);
        if (next._incoming.Count == 0)
            throw new ConfChangeException("can't make a zero-voter config joint");
        next._outgoing.UnionWith(next._incoming);
        next.Apply(changes);
        next._autoLeave = autoLeave;
        return next.Build();
    }

    /// <summary>Only the incoming set remains.</summary>
    public static (Configuration Configuration, Progress[] Members) LeaveJoint(ProgressTracker tracker, ulong lastIndex)
    {
        if (!tracker.Configuration.IsJoint)
            throw new ConfChangeException("can't leave a non-joint config");
        var next = new ConfChanger(tracker, lastIndex);
        next.LeaveJoint();
        return next.Build();
    }

    private void LeaveJoint()
    {
        foreach (var id in _learnersNext)
        {
            _learners.Add(id);
            _members[id] = _members[id].As(learner: true);
        }

        foreach (var id in _outgoing)
        {
            if (!_incoming.Contains(id) && !_learners.Contains(id))
                _members.Remove(id);
        }

        _learnersNext.Clear();
        _outgoing.Clear();
        _autoLeave = false;
    }

    private void Apply(IReadOnlyList<ConfChangeSingle> changes)
    {
        foreach (var change in changes)
        {
            // etcd applies a refused change with member 0, so that all members agree that nothing happened.
            if (change.NodeId != 0)
                Apply(change);
        }

        if (_incoming.Count == 0)
            throw new ConfChangeException("removed all voters");
    }

    private void Apply(ConfChangeSingle change)
    {
        switch (change.Type)
        {
            case ConfChangeType.AddNode:
                MakeVoter(change.NodeId);
                break;
            case ConfChangeType.AddLearnerNode:
                MakeLearner(change.NodeId);
                break;
            case ConfChangeType.RemoveNode:
                Remove(change.NodeId);
                break;
            case ConfChangeType.UpdateNode:
                break;
            default:
                throw new ConfChangeException($"unexpected conf type {(int)change.Type}");
        }
    }

    private void MakeVoter(ulong id)
    {
        _members[id] = _members.TryGetValue(id, out var member)
            ? member.IsLearner ? member.As(learner: false) : member
            : NewMember(id, isLearner: false);
        _learners.Remove(id);
        _learnersNext.Remove(id);
        _incoming.Add(id);
    }

    private void MakeLearner(ulong id)
    {
        if (!_members.TryGetValue(id, out var member))
        {
            _members[id] = NewMember(id, isLearner: true);
            _learners.Add(id);
            return;
        }

        if (member.IsLearner)
            return;
        Remove(id);

        // A voter of the outgoing set keeps voting until the joint configuration is left, and cannot be a learner before.
        if (_outgoing.Contains(id))
        {
            _learnersNext.Add(id);
            _members[id] = member;
        }
        else
        {
            _learners.Add(id);
            _members[id] = member.As(learner: true);
        }
    }

    private void Remove(ulong id)
    {
        if (!_members.ContainsKey(id))
            return;
        _incoming.Remove(id);
        _learners.Remove(id);
        _learnersNext.Remove(id);
        if (!_outgoing.Contains(id))
            _members.Remove(id);
    }

    private Progress NewMember(ulong id, bool isLearner) =>
        new(id, Math.Max(_lastIndex, 1), isLearner, _tracker.NewInflights())
        {
            // A new member counts as active, so that CheckQuorum gives it time to answer.
            IsActive = true,
        };

    private int ChangedVoters()
    {
        var changed = new SortedSet<ulong>(_incoming);
        changed.SymmetricExceptWith(_tracker.Configuration.Voters.Incoming.Ids.ToArray());
        return changed.Count;
    }

    private (Configuration Configuration, Progress[] Members) Build()
    {
        CheckInvariants();
        var configuration = new Configuration
        {
            Voters = new JointQuorum(new MajorityQuorum(_incoming), new MajorityQuorum(_outgoing)),
            Learners = _learners,
            LearnersNext = _learnersNext,
            AutoLeave = _autoLeave,
        };
        return (configuration, [.. _members.Values]);
    }

    private void CheckInvariants()
    {
        foreach (var set in (SortedSet<ulong>[])[_incoming, _outgoing, _learners, _learnersNext])
        {
            foreach (var id in set)
                Invariant.Holds(_members.ContainsKey(id), $"no progress for {id}");
        }

        foreach (var id in _learnersNext)
        {
            Invariant.Holds(_outgoing.Contains(id), $"{id} is in LearnersNext, but not Voters[1]");
            Invariant.Holds(!_members[id].IsLearner, $"{id} is in LearnersNext, but is already marked as learner");
        }

        foreach (var id in _learners)
        {
            Invariant.Holds(!_outgoing.Contains(id), $"{id} is in Learners and Voters[1]");
            Invariant.Holds(!_incoming.Contains(id), $"{id} is in Learners and Voters[0]");
            Invariant.Holds(_members[id].IsLearner, $"{id} is in Learners, but is not marked as learner");
        }

        Invariant.Holds(_outgoing.Count > 0 || (_learnersNext.Count == 0 && !_autoLeave),
            $"LearnersNext and AutoLeave must not be set when not joint");
    }
}
