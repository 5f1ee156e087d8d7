using System.Collections.Concurrent;
using System.Text;
using Google.Protobuf.Reflection;

namespace EtcdNet.Host.Gateway;

/// <summary>What JSON needs to know of a message type, looked up once. The client API has no maps, no floating point and no well-known types.</summary>
internal sealed class JsonShape
{
    private static readonly ConcurrentDictionary<MessageDescriptor, JsonShape> Shapes = new();

    private readonly Dictionary<string, JsonField> _byName = new(StringComparer.Ordinal);

    private JsonShape(MessageDescriptor message)
    {
        Fields = [.. message.Fields.InDeclarationOrder().Select(static (field, index) => new JsonField(field, index))];
        foreach (JsonField field in Fields)
        {
            // The JSON name wins, as in protojson.
            _byName[field.Descriptor.JsonName] = field;
            _byName.TryAdd(field.Descriptor.Name, field);
        }
    }

    /// <summary>In the order of the proto file, which is the order of answers.</summary>
    public JsonField[] Fields { get; }

    public static JsonShape Of(MessageDescriptor message) => Shapes.GetOrAdd(message, static type => new JsonShape(type));

    /// <summary>The field of a camelCase or snake_case name, or null.</summary>
    public JsonField? Find(string name) => _byName.GetValueOrDefault(name);
}

/// <summary>One field.</summary>
internal sealed class JsonField
{
    public JsonField(FieldDescriptor descriptor, int index)
    {
        if (descriptor.IsMap || descriptor.FieldType is FieldType.Float or FieldType.Double or FieldType.Group)
            throw new NotSupportedException($"{descriptor.FullName} is of a kind that the gateway does not know");
        Descriptor = descriptor;
        Index = index;
        Prefix = Encoding.UTF8.GetBytes($"\"{descriptor.Name}\":");
    }

    public FieldDescriptor Descriptor { get; }

    /// <summary>Place in <see cref="JsonShape.Fields"/>.</summary>
    public int Index { get; }

    /// <summary>The name as it stands in answers, quoted and with the colon.</summary>
    public byte[] Prefix { get; }

    /// <summary>The kind as Go's errors call it.</summary>
    public string KindText => Descriptor.FieldType.ToString().ToLowerInvariant();
}
