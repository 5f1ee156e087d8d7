using EtcdNet.Protocol.Mvccpb;
using Google.Protobuf;

namespace EtcdNet.Server.Locking;

/// <summary>A place in a line.</summary>
/// <param name="Key">The key that stands for it: the name of the line, a slash, and the lease in hexadecimal.</param>
/// <param name="Lease">The lease that holds it.</param>
/// <param name="Revision">Create revision of the key; the smallest one of the line is in front.</param>
/// <param name="ReadRevision">Revision of the answer that told it.</param>
/// <param name="Existing">The key when it was there before; null when it was made now.</param>
/// <param name="Owner">The key in front, which may be this one.</param>
internal sealed record Place(ByteString Key, long Lease, long Revision, long ReadRevision, KeyValue? Existing, KeyValue? Owner);
