using EtcdNet.Benchmarks;
using EtcdNet.Benchmarks.Limits;
using EtcdNet.Benchmarks.Raft;

// No word first: the comparison under load.
switch (args is [var word, ..] && !char.IsAsciiDigit(word[0]) ? word : "load")
{
    case "load":
        await LoadComparison.RunAsync(args is ["load", .. var load] ? load : args);
        return 0;
    case "cluster":
        await ClusterComparison.RunAsync(args[1..]);
        return 0;
    case "scale":
        await ScaleComparison.RunAsync(args[1..]);
        return 0;
    case "limits":
        await LimitsComparison.RunAsync(args[1..]);
        return 0;
    case "growth":
        await GrowthRun.RunAsync(args[1..]);
        return 0;
    case "raft":
        return RaftBenchmarks.Run();
    default:
        Console.Error.WriteLine(
            "usage: [load [REQUESTS [ROUNDS]] | cluster [REQUESTS [ROUNDS]] | scale [KEYS [etcdnet]] | growth [OVERWRITES [KEYS]] | raft | " +
            $"limits [all|{LimitsComparison.Words} [ROUNDS [etcdnet]]]]");
        return 2;
}
