using System.Globalization;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Conformance.Crash;

/// <summary>One client of the kill test: it writes to keys of its own, one request at a time, until the server is gone.</summary>
internal sealed class LoadClient(int number, Ledger ledger, int seed)
{
    private const int KeysPerClient = 4;
    private readonly Random _random = new(seed);
    private long _sequence;

    /// <summary>Writes until a request fails because the server was killed.</summary>
    public async Task RunAsync(EtcdClient client)
    {
        while (true)
        {
            var write = Next();
            GrpcReply<TxnResponse> reply;
            try
            {
                reply = await SendAsync(client, write);
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

    private static async Task<GrpcReply<TxnResponse>> SendAsync(EtcdClient client, Write write)
    {
        var value = ByteString.CopyFromUtf8(write.Id.ToString(CultureInfo.InvariantCulture));
        if (write.Keys.Length == 1 && !write.IsDelete)
        {
            var put = await client.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8(write.Keys[0]), Value = value });
            return new GrpcReply<TxnResponse>(put.Status, put.Message, put.Value is null ? null : new TxnResponse { Header = put.Value.Header });
        }

        var txn = new TxnRequest();
        foreach (var key in write.Keys.Select(ByteString.CopyFromUtf8))
        {
            // A deletion comes with a put of the same client's marker, so that it always makes a revision.
            txn.Success.Add(write.IsDelete
                ? new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = key } }
                : new RequestOp { RequestPut = new PutRequest { Key = key, Value = value } });
        }

        if (write.IsDelete)
            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(MarkerOf(write)), Value = value } });
        return await client.TxnAsync(txn);
    }

    /// <summary>The key that a deletion writes beside what it deletes.</summary>
    public static string MarkerOf(Write write) => $"marker/{write.Keys[0].Split('/')[1]}";

    private Write Next()
    {
        var id = (long)number << 40 | ++_sequence;
        string[] all = [.. Enumerable.Range(0, KeysPerClient).Select(i => $"kill/{number:D2}/{i}")];
        return _random.Next(10) switch
        {
            < 5 => new Write(id, [all[_random.Next(KeysPerClient)]], false),
            < 8 => new Write(id, all, false),
            _ => new Write(id, all[..2], true),
        };
    }
}
