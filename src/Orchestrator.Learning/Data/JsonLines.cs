using Orchestrator.Protocol;

namespace Orchestrator.Learning.Data;

/// <summary>A file with one record a line. Empty lines are passed over; lines end with LF or CR LF.</summary>
internal static class JsonLines
{
    /// <summary>Finds the records; that each is one is seen when it is read.</summary>
    /// <param name="path">for problems</param>
    /// <param name="bytes">the file</param>
    /// <param name="start">where the first record begins</param>
    /// <exception cref="ProblemException">a line of more than 1 GiB, or too many of them</exception>
    public static List<RecordExtent> Cut(string path, MappedFile bytes, long start)
    {
        const int LineBytesMax = 1 << 30;
        var records = new List<RecordExtent>();
        while (start < bytes.Length)
        {
            var rest = bytes.Slice<byte>(start, (int)Math.Min(LineBytesMax, bytes.Length - start));
            var end = rest.IndexOf((byte)'\n');
            if (end < 0 && rest.Length == LineBytesMax)
                throw new ProblemException($"{path} record {records.Count}", "a line of more than 1 GiB", "a record a line");
            var line = end < 0 ? rest : rest[..end];
            var text = line.Trim(" \t\r"u8);
            if (!text.IsEmpty)
            {
                if (records.Count == RecordFile.RecordsMax)
                    throw new ProblemException(path, $"more than {RecordFile.RecordsMax:N0} records", "fewer");
                records.Add(new RecordExtent(start + line.IndexOf(text), text.Length));
            }
            start += line.Length + 1;
        }
        return records;
    }
}
