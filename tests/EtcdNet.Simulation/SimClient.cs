using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Testing.Simulated;
using Google.Protobuf;

namespace EtcdNet.Simulation;

/// <summary>
/// A client that does one thing after the other at members of its choice, and writes down what it did and what it was told.
/// Every value it writes is new in the whole run.
/// </summary>
internal sealed class SimClient(World world, int number)
{
    private SimMember? _member;
    private int _life;
    private RegisterAction _action;
    private int _key;
    private long _value;
    private long _expected;
    private long _invoked;
    private int _operation;
    private ValueTask<IMessage>? _proposal;
    private ValueTask? _read;
    private readonly long[] _lastSeen = new long[world.Settings.Keys];

    public bool IsWaiting => _member is not null;

    public string Name => $"c{number}";

    /// <summary>Begins an operation, if the last one has ended.</summary>
    public void Act()
    {
        if (IsWaiting || world.AnyMemberForClients() is not { } member)
            return;
        int key = world.Random.Next(world.Settings.Keys);
        switch (world.Random.Next(20))
        {
            case < 8:
                Begin(member, key, RegisterAction.Read);
                break;
            case < 14:
                Begin(member, key, RegisterAction.Write, world.NewValue());
                break;
            case < 15:
                Begin(member, key, RegisterAction.Write, 0);
                break;
            default:
                Begin(member, key, RegisterAction.Swap, world.NewValue(), _lastSeen[key]);
                break;
        }
    }

    /// <summary>Begins a certain operation.</summary>
    public void Begin(SimMember member, int key, RegisterAction action, long value = 0, long expected = 0)
    {
        (_member, _life, _key, _action, _value, _expected, _invoked) = (member, member.Life, key, action, value, expected, world.Schedule.Now);
        int operation = ++_operation;
        world.Say(member, $"is asked by {Name} to {Describe()}");
        try
        {
            if (action == RegisterAction.Read)
                _read = world.Mutation.ReadsWithoutRound && member.Core!.State.IsLeader ? default(ValueTask) : member.Core!.Reads.WaitAsync(default);
            else
                _proposal = member.Core!.Proposer.ProposeAsync(Request(), default);
        }
        catch (EtcdException refused)
        {
            End(Refused(refused));
            return;
        }

        member.PlanLoop(0);
        Poll();
        // Clients are less patient than members sometimes.
        world.Schedule.After(world.Patience, () =>
        {
            if (IsWaiting && operation == _operation)
                End(Outcome.Unknown);
        });
    }

    /// <summary>Looks whether there is an answer.</summary>
    public void Poll()
    {
        if (_member is null)
            return;
        try
        {
            if (_read is { IsCompleted: true } read)
                FinishRead(read);
            else if (_proposal is { IsCompleted: true } proposal)
                FinishProposal(proposal.GetAwaiter().GetResult());
            else if (_proposal is not null && world.Mutation.AnswersBeforeCommit && _action == RegisterAction.Write
                && _member.Core!.State.IsLeader && world.Schedule.Now > _invoked + 300)
                End(Outcome.Done);
        }
        catch (EtcdException refused)
        {
            End(Refused(refused));
        }
    }

    /// <summary>The member is gone, and with it the connection.</summary>
    public void MemberEnded(SimMember member)
    {
        if (_member == member && _life != member.Life)
            End(Outcome.Unknown);
    }

    private static ByteString KeyOf(int key) => ByteString.CopyFromUtf8($"k{key}");

    private static ByteString ValueOf(long value) => ByteString.CopyFromUtf8(value.ToString());

    private static long ValueIn(RangeResponse range) => range.Kvs.Count == 0 ? 0 : long.Parse(range.Kvs[0].Value.ToStringUtf8());

    private InternalRaftRequest Request()
    {
        if (_action == RegisterAction.Write && _value == 0)
            return new InternalRaftRequest { DeleteRange = new DeleteRangeRequest { Key = KeyOf(_key) } };
        var put = new PutRequest { Key = KeyOf(_key), Value = ValueOf(_value) };
        if (_action == RegisterAction.Write)
            return new InternalRaftRequest { Put = put };
        var compare = new Compare { Key = KeyOf(_key), Result = Compare.Types.CompareResult.Equal };
        if (_expected == 0)
            (compare.Target, compare.CreateRevision) = (Compare.Types.CompareTarget.Create, 0);
        else
            (compare.Target, compare.Value) = (Compare.Types.CompareTarget.Value, ValueOf(_expected));
        var txn = new TxnRequest();
        txn.Compare.Add(compare);
        txn.Success.Add(new RequestOp { RequestPut = put });
        txn.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = KeyOf(_key) } });
        return new InternalRaftRequest { Txn = txn };
    }

    private void FinishRead(ValueTask read)
    {
        read.GetAwaiter().GetResult();
        _value = ValueIn(_member!.Machine.Store.Range(new RangeRequest { Key = KeyOf(_key) }));
        End(Outcome.Done);
    }

    private void FinishProposal(IMessage answer)
    {
        // A swap that did not find what it expected has only read.
        if (answer is TxnResponse { Succeeded: false } txn)
            (_action, _value) = (RegisterAction.Read, ValueIn(txn.Responses[0].ResponseRange));
        End(Outcome.Done);
    }

    private Outcome Refused(EtcdException error)
    {
        EtcdError[] unknown = [EtcdError.Timeout, EtcdError.TimeoutDueToLeaderFail, EtcdError.TimeoutDueToConnectionLost, EtcdError.Stopped];
        bool isUnknown = unknown.Any(one => one.Message == error.Message);
        return isUnknown ? Outcome.Unknown : Outcome.Refused;
    }

    private void End(Outcome outcome)
    {
        SimMember member = _member!;
        (_member, _read, _proposal) = (null, null, null);
        world.Say(member, $"answers {Name}: {Describe()} {outcome switch { Outcome.Done => "done", Outcome.Refused => "refused", _ => "lost" }}");
        if (outcome == Outcome.Refused && _action != RegisterAction.Read && _value != 0)
            world.RefusedValues.Add(_value);
        if (outcome == Outcome.Refused || (outcome == Outcome.Unknown && _action == RegisterAction.Read))
            return;
        if (outcome == Outcome.Done)
            _lastSeen[_key] = _value;
        long returned = outcome == Outcome.Done ? world.Schedule.Now : long.MaxValue;
        world.Histories[_key].Add(new RegisterOperation(Name, _action, _value, _expected, _invoked, returned));
        if (outcome == Outcome.Done)
            world.Answered++;
    }

    private string Describe() => _action switch
    {
        RegisterAction.Read => $"read k{_key}{(IsWaiting ? "" : $" = {_value}")}",
        RegisterAction.Swap => $"swap k{_key} {_expected}→{_value}",
        _ => $"write k{_key} = {_value}",
    };

    private enum Outcome
    {
        Done,
        Refused,
        Unknown,
    }
}
