using Orchestrator.Engine;
using Orchestrator.Protocol;

namespace Orchestrator.Cli;

/// <summary>Two commands never write one run's folder: the first holds a lock that the system lets go of however it ends.</summary>
static class RunLock
{
    /// <summary>Takes the lock of a run's folder.</summary>
    /// <exception cref="ProblemException">another process has it</exception>
    public static IDisposable Take(RunFolder run)
    {
        Directory.CreateDirectory(run.Path);
        var path = Path.Combine(run.Path, ".lock");
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new ProblemException(run.Path, "a run that another process is training", "a folder that nobody writes to", "wait for it, or choose another --output");
        }
    }
}
