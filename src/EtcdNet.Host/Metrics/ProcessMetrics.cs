using EtcdNet.Host.Platform;
using EtcdNet.Server.Metrics;

namespace EtcdNet.Host.Metrics;

/// <summary>
/// Metrics of the process and of the .NET runtime. etcd's go_* tell of Go's runtime and are left out; the runtime's
/// own figures are under etcdnet_.
/// </summary>
public static class ProcessMetrics
{
    /// <summary>Defines them; all are read at each scrape and cost nothing between.</summary>
    public static void Define(MetricsRegistry registry)
    {
        registry.GaugeFrom("os_fd_limit", "The file descriptor limit.", ProcFile.FileDescriptorLimit);
        registry.GaugeFrom("os_fd_used", "The number of used file descriptors.", () => ProcFile.OpenFileDescriptors());
        registry.CounterFrom("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", ProcFile.CpuSeconds);
        registry.GaugeFrom("process_max_fds", "Maximum number of open file descriptors.", ProcFile.FileDescriptorLimit);
        registry.CounterFrom("process_network_receive_bytes_total", "Number of bytes received by the process over the network.", () => ProcFile.NetworkBytes().Received);
        registry.CounterFrom("process_network_transmit_bytes_total", "Number of bytes sent by the process over the network.", () => ProcFile.NetworkBytes().Sent);
        registry.GaugeFrom("process_open_fds", "Number of open file descriptors.", () => ProcFile.OpenFileDescriptors());
        registry.GaugeFrom("process_resident_memory_bytes", "Resident memory size in bytes.", ProcFile.ResidentBytes);
        var started = ProcFile.StartTimeSeconds();
        registry.GaugeFrom("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", () => started);
        registry.GaugeFrom("process_virtual_memory_bytes", "Virtual memory size in bytes.", ProcFile.VirtualBytes);
        registry.GaugeFrom("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.", ProcFile.AddressSpaceLimit);
        DefineRuntime(registry);
    }

    private static void DefineRuntime(MetricsRegistry registry)
    {
        registry.GaugeFrom("etcdnet_gc_heap_bytes", "Bytes of live and not yet collected objects.", () => GC.GetTotalMemory(forceFullCollection: false));
        registry.GaugeFrom("etcdnet_gc_committed_bytes", "Memory that the garbage collector has taken from the system.", () => GC.GetGCMemoryInfo().TotalCommittedBytes);
        registry.CounterFrom("etcdnet_gc_allocated_bytes_total", "Bytes allocated on the managed heap.", () => GC.GetTotalAllocatedBytes());
        registry.CounterFrom("etcdnet_gc_pause_seconds_total", "Time that the garbage collector stopped all threads.", () => GC.GetTotalPauseDuration().TotalSeconds);
        var collections = registry.Gauges("etcdnet_gc_collections", "Garbage collections since the start, by generation.", ["generation"]);
        for (var generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            var which = generation;
            collections.With(which.ToString()).Bind(() => GC.CollectionCount(which));
        }
        registry.GaugeFrom("etcdnet_threadpool_threads", "Threads of the thread pool.", () => ThreadPool.ThreadCount);
        registry.GaugeFrom("etcdnet_threadpool_queue_length", "Work items that wait for a thread.", () => ThreadPool.PendingWorkItemCount);
        registry.CounterFrom("etcdnet_lock_contentions_total", "Times that a thread had to wait for a lock.", () => Monitor.LockContentionCount);
    }
}
