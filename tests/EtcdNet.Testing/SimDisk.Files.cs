using EtcdNet.Storage.Disk;

namespace EtcdNet.Testing;

/// <content>Files and their handles.</content>
public sealed partial class SimDisk
{
    // What readers see, what is on the medium, and which sectors differ. The length counts as data.
    private sealed class SimFile
    {
        private byte[] _now = [];
        private byte[] _durable = [];
        private int _length;
        private int _durableLength;
        private readonly SortedSet<int> _dirty = [];

        internal int Length => _length;

        internal int Read(long offset, Span<byte> buffer)
        {
            if (offset >= _length)
                return 0;
            int count = (int)Math.Min(buffer.Length, _length - offset);
            _now.AsSpan((int)offset, count).CopyTo(buffer);
            return count;
        }

        internal void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            if (offset + bytes.Length > _length)
                SetLength((int)(offset + bytes.Length));
            bytes.CopyTo(_now.AsSpan((int)offset));
            for (int sector = (int)(offset / SectorBytes); sector * SectorBytes < offset + bytes.Length; sector++)
                _dirty.Add(sector);
        }

        internal void SetLength(int length)
        {
            if (length > _now.Length)
                Array.Resize(ref _now, Math.Max(length, Math.Min(_now.Length * 2, int.MaxValue / 2)));
            if (length < _length)
                _now.AsSpan(length, _length - length).Clear();
            _length = length;
        }

        internal void Sync()
        {
            EnsureDurableRoom();
            foreach (int sector in _dirty)
                CopySector(_now, _durable, sector);
            _dirty.Clear();
            _durableLength = _length;
        }

        internal void Crash(Random random, TornWrites torn)
        {
            EnsureDurableRoom();
            if (torn == TornWrites.LoseSectors)
            {
                foreach (int sector in _dirty.Where(_ => random.Next(2) == 0))
                    CopySector(_now, _durable, sector);
                if (random.Next(2) == 0)
                    _durableLength = _length;
            }

            _dirty.Clear();
            _durable.AsSpan(_durableLength).Clear();
            _now = _durable.AsSpan(0, _durableLength).ToArray();
            _length = _durableLength;
        }

        internal SimFile Copy() => new()
        {
            _now = ToArray(), _durable = ToArray(), _length = _length, _durableLength = _length,
        };

        internal void Corrupt(Action<byte[]> change)
        {
            byte[] bytes = ToArray();
            change(bytes);
            bytes.CopyTo(_now, 0);
            EnsureDurableRoom();
            bytes.CopyTo(_durable, 0);
        }

        internal byte[] ToArray() => _now.AsSpan(0, _length).ToArray();

        private void EnsureDurableRoom()
        {
            if (_durable.Length < _now.Length)
                Array.Resize(ref _durable, _now.Length);
        }

        private static void CopySector(byte[] from, byte[] to, int sector)
        {
            int start = sector * SectorBytes;
            int count = Math.Min(SectorBytes, from.Length - start);
            if (count > 0)
                from.AsSpan(start, count).CopyTo(to.AsSpan(start));
        }
    }

    private sealed class Handle(SimDisk disk, string path, SimFile file, int incarnation) : IDiskFile
    {
        private bool _closed;

        public string Path => path;

        public long Length
        {
            get
            {
                lock (disk._lock)
                    return file.Length;
            }
        }

        public int Read(long offset, Span<byte> buffer)
        {
            lock (disk._lock)
            {
                ObjectDisposedException.ThrowIf(_closed, this);
                return file.Read(offset, buffer);
            }
        }

        public void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            lock (disk._lock)
            {
                Check("write");
                file.Write(offset, bytes);
            }
        }

        public void Sync()
        {
            lock (disk._lock)
            {
                Check("fdatasync");
                file.Sync();
            }
        }

        public void Allocate(long length)
        {
            lock (disk._lock)
            {
                Check("fallocate");
                if (length > file.Length)
                    file.SetLength((int)length);
            }
        }

        public void SetLength(long length)
        {
            lock (disk._lock)
            {
                Check("ftruncate");
                file.SetLength((int)length);
            }
        }

        public void Dispose() => _closed = true;

        private void Check(string operation)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (incarnation != disk._incarnation)
                throw new DiskFailedException(operation, path, "the machine crashed");
            disk.Change(operation, path);
        }
    }
}
