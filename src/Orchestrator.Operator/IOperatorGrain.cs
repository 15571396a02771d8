namespace Orchestrator.Operator;

/// <summary>The operator of a cluster; there is one, of key 0, so that no two of them reconcile at a time. Servers that may be it call it every second, so that it lives as long as one of them does.</summary>
[Alias("operator")]
public interface IOperatorGrain : IGrainWithIntegerKey
{
    /// <summary>Begins where the call comes from, if it is nowhere yet. Idempotent; returns at once.</summary>
    /// <returns>what it cannot do just now; empty where all is well</returns>
    [Alias("look")]
    Task<string> Look();
}
