using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Benchmarks;

/// <summary>Writes many keys quickly: transactions of 100 puts, several under way at once.</summary>
internal sealed class Filler(EtcdClient client)
{
    private const int PutsPerTxn = 100;
    private const int Concurrency = 8;

    /// <summary>The key of a number; all have 20 bytes.</summary>
    public static ByteString Key(int number) => ByteString.CopyFromUtf8($"/registry/pods/{number:D8}"[^20..]);

    /// <summary>Puts the keys of the numbers that <paramref name="keyOf"/> gives for 0…count-1.</summary>
    public async Task PutAsync(int count, int valueBytes, Func<int, int> keyOf)
    {
        int next = 0;
        await Task.WhenAll(Enumerable.Range(0, Concurrency).Select(_ => WorkAsync()));

        async Task WorkAsync()
        {
            byte[] value = new byte[valueBytes];
            while (true)
            {
                int from = Interlocked.Add(ref next, PutsPerTxn) - PutsPerTxn;
                if (from >= count)
                    return;
                var txn = new TxnRequest();
                // A key may stand in a transaction only once.
                foreach (int key in Enumerable.Range(from, Math.Min(PutsPerTxn, count - from)).Select(keyOf).Distinct())
                {
                    Random.Shared.NextBytes(value);
                    txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Key(key), Value = ByteString.CopyFrom(value) } });
                }

                _ = (await client.TxnAsync(txn)).Answer;
            }
        }
    }
}
