namespace EtcdNet.Server.Metrics;

/// <summary>Upper bounds of histograms.</summary>
public static class Buckets
{
    /// <summary>Bounds of Prometheus' own client; grpc_server_handling_seconds uses them.</summary>
    public static readonly double[] Default = [.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10];

    /// <summary>1 ms to 8.192 s; nearly all of etcd's disk metrics.</summary>
    public static readonly double[] Disk = Exponential(0.001, 2, 14);

    /// <summary>0.1 ms to 52.4288 s; apply and range.</summary>
    public static readonly double[] Request = Exponential(0.0001, 2, 20);

    /// <summary><paramref name="count"/> bounds, each <paramref name="factor"/> times the one before.</summary>
    public static double[] Exponential(double start, double factor, int count)
    {
        var bounds = new double[count];
        for (var i = 0; i < count; i++)
        {
            bounds[i] = start;
            start *= factor;
        }
        return bounds;
    }
}
