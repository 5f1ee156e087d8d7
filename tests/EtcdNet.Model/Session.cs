using EtcdNet.Model.Naive;
using EtcdNet.Model.Replicas;
using EtcdNet.Model.Script;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Txn;
using Google.Protobuf;

namespace EtcdNet.Model;

/// <summary>Where a script went wrong.</summary>
/// <param name="Step">Number of the step at which it showed.</param>
/// <param name="Kind">A disagreement, or the exception and where it came from: a script that is made shorter must go on failing in the same way.</param>
/// <param name="Reason">What was expected and what came.</param>
public sealed record Failure(int Step, string Kind, string Reason);

/// <summary>Runs a script on the list of all versions and on the replicas, and compares every answer.</summary>
public sealed partial class Session : IDisposable
{
    private const long MinLeaseTtl = 2;
    private readonly NaiveStore _naive;
    private readonly IReplica[] _replicas;
    private readonly Tally _tally;
    private readonly List<(InternalRaftRequest Request, Answer Expected)> _group = [];
    private readonly Watchers?[] _watchers;
    private long _groupSize = 1;

    private Session(NaiveStore naive, IReplica[] replicas, Tally tally)
    {
        (_naive, _replicas, _tally) = (naive, replicas, tally);
        _watchers = new Watchers?[replicas.Length];
    }

    /// <summary>Runs a script from an empty store to its end.</summary>
    /// <param name="script">The steps.</param>
    /// <param name="naive">Makes what knows the answers; another one than usual shows that the check finds mistakes.</param>
    /// <param name="alter">Puts something between the script and a replica, for the same purpose.</param>
    /// <param name="tally">Counts what happens.</param>
    /// <returns>Null when everything agreed.</returns>
    public static Failure? Run(
        IReadOnlyList<Step> script, Func<long, NaiveStore>? naive = null, Func<IReplica, IReplica>? alter = null, Tally? tally = null)
    {
        tally ??= new Tally();
        int largest = script.Where(static step => step.Kind == StepKind.Write).Select(static step => step.Request!.CalculateSize()).DefaultIfEmpty(0).Max();
        IReplica[] replicas = [new DurableReplica(MinLeaseTtl, largest + 512, tally), new MemoryReplica(MinLeaseTtl)];
        if (alter is not null)
            replicas = [.. replicas.Select(alter)];
        using var session = new Session(naive?.Invoke(MinLeaseTtl) ?? new NaiveStore(MinLeaseTtl), replicas, tally);
        int at = 0;
        try
        {
            for (; at < script.Count; at++)
                session.Run(script[at]);
            session.Finish();
            return null;
        }
        catch (Exception wrong)
        {
            at = Math.Min(at, script.Count - 1);
            return wrong is MismatchException
                ? new Failure(at, nameof(MismatchException), wrong.Message)
                : new Failure(at, $"{wrong.GetType().Name} {wrong.TargetSite}", wrong.ToString());
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        CloseWatchers();
        foreach (IReplica replica in _replicas)
            replica.Dispose();
    }

    private void Finish()
    {
        Flush();
        foreach (Watchers? watchers in _watchers)
            watchers?.CancelAll();
        Compare(Math.Max(1, _naive.Compacted));
        _tally.AddRevisions(_naive.Current);
    }

    private void Run(Step step)
    {
        if (step.Kind == StepKind.Write)
        {
            Write(Relative.Resolve((InternalRaftRequest)step.Request!, _naive.Current));
            return;
        }
        Flush();
        switch (step.Kind)
        {
            case StepKind.Group: _groupSize = step.Number; break;
            case StepKind.Read: Read(Relative.Resolve((RangeRequest)step.Request!, _naive.Current)); break;
            case StepKind.ReadTxn: Read(Relative.Resolve((TxnRequest)step.Request!, _naive.Current)); break;
            case StepKind.Watch: Watch(Relative.Resolve((WatchCreateRequest)step.Request!, _naive.Current)); break;
            case StepKind.CancelWatch: ForWatchers(watchers => watchers.Cancel(step.Number)); break;
            case StepKind.CheckWatchers: ForWatchers(static watchers => watchers.Check()); break;
            case StepKind.Prune: ForReplicas(replica => replica.Prune((int)step.Number)); break;
            case StepKind.Collect: ForReplicas(replica => replica.Collect(step.Number << 10)); break;
            case StepKind.Checkpoint: ForReplicas(replica => replica.Checkpoint(wait: step.Number == 1)); break;
            case StepKind.Restart: Restart(null); break;
            case StepKind.PowerCut: Restart((int)step.Number); break;
            default: Compare(Relative.Resolve(step.Number, _naive.Current)); break;
        }
    }

    private void Write(InternalRaftRequest request)
    {
        // Watchers that are behind a compaction would lose what they have not read yet.
        if (request.Compaction is not null && _watchers.Any(static watchers => watchers is not null))
        {
            Flush();
            ForWatchers(static watchers => watchers.Settle());
        }
        Answer expected = _naive.Apply(request);
        if (expected.Refusal is not null)
            _tally.AddRefusal();
        else if (request.Compaction is not null)
            _tally.AddCompaction();
        // What the services refuse never becomes an entry.
        Answer admitted = Answer.Of(() => Admit(request));
        if (admitted.Refusal is not null)
        {
            Agree(expected, admitted, "the checks before the log");
            return;
        }
        _group.Add((request, expected));
        if (_group.Count >= _groupSize)
            Flush();
    }

    private static IMessage? Admit(InternalRaftRequest request)
    {
        if (request.Put is not null)
            RequestChecks.Check(request.Put);
        else if (request.DeleteRange is not null)
            RequestChecks.Check(request.DeleteRange);
        else if (request.Txn is not null)
            RequestChecks.Check(request.Txn);
        return null;
    }

    private void Flush()
    {
        if (_group.Count == 0)
            return;
        InternalRaftRequest[] requests = [.. _group.Select(static one => one.Request)];
        foreach (IReplica replica in _replicas)
        {
            IReadOnlyList<Answer> answers = replica.Commit(requests);
            for (int i = 0; i < requests.Length; i++)
                Agree(_group[i].Expected, answers[i], $"{replica.Name}, {Text.Of(requests[i])}");
        }
        _group.Clear();
    }

    private void Read(RangeRequest request)
    {
        Answer expected = _naive.Range(request);
        foreach (IReplica replica in _replicas)
        {
            Answer answer = Answer.Of(() =>
            {
                RequestChecks.Check(request);
                return replica.Machine.Store.Range(request);
            });
            Agree(expected, answer, $"{replica.Name}, {Text.Of(request)}");
        }
    }

    private void Read(TxnRequest request)
    {
        Answer expected = _naive.Read(request);
        foreach (IReplica replica in _replicas)
        {
            Answer answer = Answer.Of(() =>
            {
                RequestChecks.Check(request);
                return replica.Machine.Txns.Read(request);
            });
            Agree(expected, answer, $"{replica.Name}, {Text.Of(request)}");
        }
    }

    private void Watch(WatchCreateRequest create)
    {
        for (int i = 0; i < _replicas.Length; i++)
            (_watchers[i] ??= new Watchers(_replicas[i], _naive, _tally)).Create(create);
    }

    private void Restart(int? powerCut)
    {
        ForWatchers(static watchers => watchers.Check());
        CloseWatchers();
        _tally.AddRestart(powerCut is not null);
        ForReplicas(replica => replica.Restart(powerCut is { } seed ? new Random(seed) : null));
        Compare(_naive.Current);
    }

    private void CloseWatchers()
    {
        ForWatchers(static watchers => watchers.Dispose());
        Array.Clear(_watchers);
    }

    private void ForWatchers(Action<Watchers> action)
    {
        foreach (Watchers? watchers in _watchers)
        {
            if (watchers is not null)
                action(watchers);
        }
    }

    private void ForReplicas(Action<IReplica> action) => Array.ForEach(_replicas, action);

    private static void Agree(Answer expected, Answer answer, string where) =>
        MismatchException.Unless(expected.IsSameAs(answer), () => $"{where}\n  expected: {expected}\n  answered: {answer}");
}
