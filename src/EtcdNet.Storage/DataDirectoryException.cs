namespace EtcdNet.Storage;

/// <summary>The data directory cannot be used. The message is for the operator; nothing in the directory was changed.</summary>
public sealed class DataDirectoryException(string message, Exception? inner = null) : Exception(message, inner);
