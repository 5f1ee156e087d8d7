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
        private bool _shared; // with a clone: the arrays are copied before the first change

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
            Unshare();
            if (offset + bytes.Length > _length)
                SetLength((int)(offset + bytes.Length));
            bytes.CopyTo(_now.AsSpan((int)offset));
            for (int sector = (int)(offset / SectorBytes); sector * SectorBytes < offset + bytes.Length; sector++)
                _dirty.Add(sector);
        }

        internal void SetLength(int length)
        {
            Unshare();
            if (length > _now.Length)
                Array.Resize(ref _now, Math.Max(length, Math.Min(_now.Length * 2, int.MaxValue / 2)));
            if (length < _length)
                _now.AsSpan(length, _length - length).Clear();
            _length = length;
        }

        internal void Sync()
        {
            Unshare();
            EnsureDurableRoom();
            foreach (int sector in _dirty)
                CopySector(_now, _durable, sector);
            _dirty.Clear();
            _durableLength = _length;
        }

        internal void Crash(Random random, TornWrites torn)
        {
            Unshare();
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

        internal SimFile Copy()
        {
            _shared = true;
            return new SimFile { _now = _now, _durable = _now, _length = _length, _durableLength = _length, _shared = true };
        }

        internal void Corrupt(Action<byte[]> change)
        {
            byte[] bytes = ToArray();
            change(bytes);
            Replace(bytes);
        }

        internal void Replace(byte[] bytes)
        {
            (_now, _durable, _shared) = ((byte[])bytes.Clone(), (byte[])bytes.Clone(), false);
            _length = _durableLength = bytes.Length;
            _dirty.Clear();
        }

        internal byte[] ToArray() => _now.AsSpan(0, _length).ToArray();

        private void Unshare()
        {
            if (!_shared)
                return;
            (_now, _durable, _shared) = ((byte[])_now.Clone(), (byte[])_durable.Clone(), false);
        }

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
                disk.BeforeRead?.Invoke(path, offset);
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
