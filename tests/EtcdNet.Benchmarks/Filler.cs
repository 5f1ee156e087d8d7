using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Benchmarks;

/// <summary>Writes many keys quickly: transactions of 100 puts, several under way at once.</summary>
internal sealed class Filler(EtcdClient client)
{
    /// <summary>Puts in a transaction.</summary>
    public const int PutsPerTxn = 100;
    private const int Concurrency = 8;

    /// <summary>What all keys begin with.</summary>
    public static ByteString Prefix { get; } = ByteString.CopyFromUtf8("registry/po/");

    /// <summary>End of the range of all keys.</summary>
    public static ByteString PrefixEnd { get; } = ByteString.CopyFromUtf8("registry/po0");

    /// <summary>The key of a number; all have 20 bytes.</summary>
    public static ByteString Key(int number) => ByteString.CopyFromUtf8($"registry/po/{number:D8}");

    /// <summary>
    /// Puts the keys of the numbers that <paramref name="keyOf"/> gives for 0…count-1, on the leases that <paramref name="leaseOf"/> gives for these.
    /// </summary>
    public async Task PutAsync(int count, int valueBytes, Func<int, int> keyOf, Func<int, long>? leaseOf = null)
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
                    var put = new PutRequest { Key = Key(key), Value = ByteString.CopyFrom(value), Lease = leaseOf?.Invoke(key) ?? 0 };
                    txn.Success.Add(new RequestOp { RequestPut = put });
                }

                _ = (await client.TxnAsync(txn)).Answer;
            }
        }
    }
}
