using System.Text.Encodings.Web;
using System.Text.Json;

namespace EtcdNet.Host.Http;

/// <summary>JSON strings.</summary>
internal static class JsonText
{
    /// <summary>The text as a JSON string with its quotes.</summary>
    public static string Quote(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
