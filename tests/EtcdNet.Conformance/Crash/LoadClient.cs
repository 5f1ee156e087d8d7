using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Conformance.Crash;

/// <summary>What the clients of a round write.</summary>
internal enum Load
{
    /// <summary>Few small keys.</summary>
    Small,

    /// <summary>Also transactions of many keys, so that a compaction has something to do.</summary>
    Wide,

    /// <summary>Large values, so that the log fills.</summary>
    Large,
}

/// <summary>One client of the kill test: it writes to keys of its own, one request at a time, until the server is gone.</summary>
internal sealed class LoadClient(int number, int round, Load load, Ledger ledger, int seed)
{
    /// <summary>Leases 1 to this number are there from the beginning.</summary>
    public const int Leases = 3;

    private const int KeysPerClient = 4;
    private const int WideKeys = 250;
    private const int WideTxn = 100;
    private const int LargeBytes = 256 << 10;
    private readonly Random _random = new(seed);
    private int _sequence;

    /// <summary>Writes until a request fails because the server was killed.</summary>
    public async Task RunAsync(EtcdClient client)
    {
        while (true)
        {
            var write = Next();
            GrpcReply<TxnResponse> reply;
            try
            {
                reply = await client.TxnAsync(RequestFor(write));
            }
            catch (Exception e) when (e is HttpRequestException or IOException or InvalidDataException or OperationCanceledException)
            {
                ledger.LeaveOpen(write);
                return;
            }

            if (reply.Status == GrpcStatus.Unavailable)
            {
                ledger.LeaveOpen(write);
                return;
            }

            ledger.Acknowledge(write, reply.Answer.Header.Revision);
        }
    }

    private static TxnRequest RequestFor(Write write)
    {
        var txn = new TxnRequest();
        if (write.IsDelete)
            txn.Success.Add(write.Keys.Select(static key => new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key) } }));
        ByteString value = write.Value;
        txn.Success.Add(write.Puts.Select(key => new RequestOp
        {
            RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = value, Lease = write.Lease },
        }));
        return txn;
    }

    private Write Next()
    {
        long id = ((long)round << 32) | ((long)number << 24) | (uint)++_sequence;
        if (load == Load.Large)
            return new Write(id, [$"kill/{number:D2}/large"], false, 0, LargeBytes);
        if (load == Load.Wide && _random.Next(4) == 0)
        {
            int first = _random.Next(WideKeys - WideTxn);
            return new Write(id, [.. Enumerable.Range(first, WideTxn).Select(i => $"kill/{number:D2}/wide{i:D4}")], false);
        }

        string[] all = [.. Enumerable.Range(0, KeysPerClient).Select(i => $"kill/{number:D2}/{i}")];
        long lease = _random.Next(4) == 0 ? _random.Next(1, Leases + 1) : 0;
        return _random.Next(10) switch
        {
            < 5 => new Write(id, [all[_random.Next(KeysPerClient)]], false, lease),
            < 8 => new Write(id, all, false, lease),
            _ => new Write(id, all[..2], true),
        };
    }
}
