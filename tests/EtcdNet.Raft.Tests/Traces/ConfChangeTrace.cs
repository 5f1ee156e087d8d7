using EtcdNet.Raft.Membership;
using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>Changes a configuration step by step; the last index grows with every command, so that it shows when a member was made.</summary>
internal sealed class ConfChangeTrace : ITrace
{
    private readonly ProgressTracker _tracker = new(10, 0);
    private ulong _lastIndex;

    public string Run(TraceBlock block)
    {
        try
        {
            var (configuration, members) = Change(block, ConfChanges.Parse(block.Input));
            _tracker.Switch(configuration, members);
            return $"{configuration}\n" + string.Concat(members.Select(m => $"{m.Id}: {m}\n"));
        }
        catch (Exception e) when (e is ConfChangeException or TraceErrorException)
        {
            return e.Message + "\n";
        }
        finally
        {
            _lastIndex++;
        }
    }

    private (Configuration Configuration, Progress[] Members) Change(TraceBlock block, List<ConfChangeSingle> changes) =>
        block.Command switch
        {
            "simple" => ConfChanger.Simple(_tracker, _lastIndex, changes),
            "enter-joint" => ConfChanger.EnterJoint(_tracker, _lastIndex, block.Find("autoleave") is { Flag: true }, changes),
            "leave-joint" when changes.Count > 0 => throw new TraceErrorException("this command takes no input"),
            "leave-joint" => ConfChanger.LeaveJoint(_tracker, _lastIndex),
            _ => throw new TraceErrorException("unknown command"),
        };
}
