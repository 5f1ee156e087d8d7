using System.Diagnostics.CodeAnalysis;
using EtcdNet.Raft.Membership;
using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft;

/// <summary>Changing who belongs to the group: Raft paper §6, thesis chapter 4. A change takes effect when it is applied.</summary>
public sealed partial class RaftNode
{
    private const ulong ScanBytes = 1 << 20;

    /// <summary>At most one change may be between proposed and applied: the log index below which one may be pending.</summary>
    private ulong _pendingConfIndex;

    /// <summary>
    /// To be called for every committed change, in order, when it is applied; a refused change is applied with member 0.
    /// </summary>
    /// <returns>The configuration now in force, to be stored with the next snapshot.</returns>
    public ConfState ApplyConfChange(ConfChangeV2 change)
    {
        ArgumentNullException.ThrowIfNull(change);
        try
        {
            var (configuration, members) = ConfChanger.Apply(_tracker, _log.LastIndex, change);
            return SwitchTo(configuration, members);
        }
        catch (ConfChangeException e)
        {
            // Committed, so all members have it, and none can go on from here.
            throw new RaftInvariantException(e.Message);
        }
    }

    /// <summary>See <see cref="ApplyConfChange(ConfChangeV2)"/>.</summary>
    public ConfState ApplyConfChange(ConfChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return ApplyConfChange(change.AsV2());
    }

    private ConfState SwitchTo(Configuration configuration, Progress[] members)
    {
        _tracker.Switch(configuration, members);
        _trace.Write(RaftLogLevel.Info, $"{_id:x} switched to configuration {configuration}");
        var state = configuration.ToConfState();
        if (_role != RaftRole.Leader)
            return state;
        if (_tracker.Find(_id) is not { IsLearner: false })
        {
            // It may lead on until the change is everywhere (thesis §4.2.2), without counting itself.
            if (_options.StepDownOnRemoval)
                BecomeFollower(_term, 0);
            return state;
        }

        if (TryCommit())
        {
            // A smaller quorum may have committed more.
            ReleaseReadsBeforeFirstCommit();
            BroadcastAppend();
        }
        else
        {
            foreach (var member in members)
            {
                if (member.Id != _id)
                    SendAppend(member, sendIfEmpty: false);
            }
        }

        if (!configuration.Voters.Contains(_leadTransferee))
            _leadTransferee = 0;
        return state;
    }

    /// <summary>Replaces changes that do not fit by empty entries, so that indexes promised to nobody are simply used up.</summary>
    private EntrySlice CheckConfChanges(EntrySlice entries)
    {
        Entry[]? changed = null;
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (entry.Type == EntryType.Normal)
                continue;
            if (!TryDecode(entry, out var change))
            {
                _trace.Write(RaftLogLevel.Error, $"{_id:x} ignoring an entry of type {(int)entry.Type} that is no conf change");
            }
            else if (WhyRefused(change) is { } refusal && !_options.DisableConfChangeValidation)
            {
                _trace.Write(RaftLogLevel.Info, $"{_id:x} ignoring conf change {Describe.ConfChange(entry)} at config {_tracker.Configuration}: {refusal}");
            }
            else
            {
                _pendingConfIndex = _log.LastIndex + (ulong)i + 1;
                continue;
            }

            changed ??= entries.Span.ToArray();
            changed[i] = default;
        }

        return changed is null ? entries : new EntrySlice(changed, 0, changed.Length);
    }

    /// <summary>Bytes that no member could apply must not get into the log, whoever sent them.</summary>
    private static bool TryDecode(in Entry entry, [NotNullWhen(true)] out ConfChangeV2? change)
    {
        try
        {
            change = ConfChangeCodec.DecodeEntry(entry);
        }
        catch (FormatException)
        {
            change = null;
        }

        return change is not null;
    }

    private string? WhyRefused(ConfChangeV2 change)
    {
        if (_pendingConfIndex > _log.Applied)
            return $"possible unapplied conf change at index {_pendingConfIndex} (applied to {_log.Applied})";
        var isJoint = _tracker.Configuration.IsJoint;
        var wantsLeave = change.Changes.Count == 0;
        if (isJoint && !wantsLeave)
            return "must transition out of joint config first";
        return !isJoint && wantsLeave ? "not in joint state; refusing empty conf change" : WhyNotApplicable(change);
    }

    /// <summary>
    /// Tries the change out. Nothing else changes the configuration before it is applied, so a change that fails here would fail on
    /// every member once committed, when it is too late to refuse it.
    /// </summary>
    private string? WhyNotApplicable(ConfChangeV2 change)
    {
        try
        {
            ConfChanger.Apply(_tracker, _log.LastIndex, change);
            return null;
        }
        catch (ConfChangeException e)
        {
            return e.Message;
        }
    }

    private void AppliedTo(ulong index, ulong bytes)
    {
        var applied = Math.Max(index, _log.Applied);
        _log.AppliedTo(applied, bytes);
        if (_role != RaftRole.Leader || !_tracker.Configuration.AutoLeave || applied < _pendingConfIndex)
            return;

        // The joint configuration is in force everywhere it has to be; leave it. No data means the empty change. If this is
        // dropped because of a transfer, the next applied entry tries again, here or at the next leader.
        var result = ProposeConfChange(EntryType.ConfChangeV2, default);
        if (result == ProposeResult.Accepted)
            _trace.Write(RaftLogLevel.Info, $"initiating automatic transition out of joint configuration {_tracker.Configuration}");
        else
            _trace.Write(RaftLogLevel.Debug, $"not initiating automatic transition out of joint configuration {_tracker.Configuration}: {Describe.ProposalDropped}");
    }

    private bool HasUnappliedConfChanges()
    {
        var next = _log.Applied + 1;
        while (next <= _log.Committed)
        {
            var page = _log.Slice(next, _log.Committed + 1, ScanBytes)
                ?? throw new RaftInvariantException($"entries from {next} on are compacted before they were applied");
            foreach (ref readonly var entry in page.Span)
            {
                if (entry.Type != EntryType.Normal)
                    return true;
            }

            next += (ulong)page.Count;
        }

        return false;
    }
}
