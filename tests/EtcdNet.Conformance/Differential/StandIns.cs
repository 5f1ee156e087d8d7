using System.Globalization;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.Reflection;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// What one server chose itself (ids of members and leases, tokens, its addresses), each with a name that is the same for both servers. Requests are written
/// with the names, and answers are read with them.
/// </summary>
internal sealed class StandIns
{
    private readonly Dictionary<ulong, ulong> _realOf = [];
    private readonly Dictionary<ulong, ulong> _nameOf = [];
    private readonly Dictionary<string, string> _tokenOf = [];
    private readonly List<(string Name, string Real)> _texts = [];

    /// <summary>Names an id.</summary>
    public void Add(ulong name, ulong real)
    {
        _realOf[name] = real;
        _nameOf[real] = name;
        // Keys of locks end with the lease, alarms in the status name the member.
        Add(name.ToString("x", CultureInfo.InvariantCulture), real.ToString("x", CultureInfo.InvariantCulture));
        Add(name.ToString(CultureInfo.InvariantCulture), real.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Names a token.</summary>
    public void AddToken(string name, string real) => _tokenOf[name] = real;

    /// <summary>The value of a header, with the token that it names.</summary>
    public string TokenOf(string header)
    {
        int name = header.LastIndexOf(' ') + 1;
        return _tokenOf.TryGetValue(header[name..], out string? real) ? header[..name] + real : header;
    }

    /// <summary>Names a text.</summary>
    public void Add(string name, string real) => _texts.Add((name, real));

    /// <summary>A request as this server has to get it.</summary>
    public IMessage Outgoing(IMessage request)
    {
        IMessage copy = request.Descriptor.Parser.ParseFrom(request.ToByteArray());
        Walk(copy, _realOf, Outgoing);
        return copy;
    }

    /// <summary>A text as this server has to get it.</summary>
    public string Outgoing(string text) => _texts.Aggregate(text, static (rest, one) => rest.Replace(one.Name, one.Real, StringComparison.Ordinal));

    /// <summary>Writes the names into an answer.</summary>
    public void Incoming(IMessage answer) => Walk(answer, _nameOf, Incoming);

    /// <summary>A text with the names.</summary>
    public string Incoming(string text) => _texts.Aggregate(text, static (rest, one) => rest.Replace(one.Real, one.Name, StringComparison.Ordinal));

    private static void Walk(IMessage message, Dictionary<ulong, ulong> ids, Func<string, string> texts)
    {
        foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (field.HasPresence && !field.Accessor.HasValue(message))
                continue;
            object value = field.Accessor.GetValue(message);
            if (value is RepeatedField<string> strings)
                Replace(strings, texts);
            else if (value is RepeatedField<ByteString> keys)
                Replace(keys, key => Changed(key, texts));
            else if (value is System.Collections.IList items)
                WalkAll(items, ids, texts);
            else if (value is IMessage inner)
                Walk(inner, ids, texts);
            else if (Changed(value, ids, texts) is { } changed)
                field.Accessor.SetValue(message, changed);
        }
    }

    private static void WalkAll(System.Collections.IList items, Dictionary<ulong, ulong> ids, Func<string, string> texts)
    {
        foreach (object item in items)
        {
            if (item is IMessage inner)
                Walk(inner, ids, texts);
        }
    }

    private static void Replace<T>(RepeatedField<T> list, Func<T, T> change)
    {
        for (var i = 0; i < list.Count; i++)
            list[i] = change(list[i]);
    }

    // Only keys of locks hold a lease's id, behind a slash.
    private static ByteString Changed(ByteString key, Func<string, string> texts) => key.Length is > 8 and < 100 && key.Span.IndexOf((byte)'/') >= 0
        ? ByteString.CopyFrom(texts(key.ToString(Encoding.Latin1)), Encoding.Latin1)
        : key;

    private static object? Changed(object value, Dictionary<ulong, ulong> ids, Func<string, string> texts) => value switch
    {
        ulong id when ids.TryGetValue(id, out ulong other) => other,
        long id when ids.TryGetValue((ulong)id, out ulong other) => (long)other,
        string { Length: > 0 } text => texts(text),
        ByteString key when Changed(key, texts) is var changed && !ReferenceEquals(changed, key) => changed,
        _ => null,
    };
}
