using Microsoft.Extensions.Logging;
using Orchestrator.Protocol.Coordination;

namespace Orchestrator.Grains.Scheduling;

/// <content>
/// Workers that a job found to compute wrong are no other job's either. They stay out over restarts, and over the end of that job, until somebody uncordons their silo and so says that they are mended; the
/// job, which would tell of them again, is told so as well.
/// </content>
sealed partial class SchedulerGrain
{
    // A pardon holds until the job has told that it knows of it, or is gone. Of a job that was not heard since this activation began nothing is known.
    SchedulerRecord WithQuarantines(SchedulerRecord record)
    {
        var told = facts.Where(known => known.Value.Report is not null).SelectMany(known => known.Value.Report!.Quarantined.Select(wrong => (Job: known.Key, wrong.Worker, wrong.Reason))).ToList();
        var pardoned = record.Pardoned.Where(pardon => record.Find(pardon.Job) is not null && (facts.GetValueOrDefault(pardon.Job)?.Report is null || told.Exists(wrong => (wrong.Job, wrong.Worker) == (pardon.Job, pardon.Worker)))).ToArray();
        var found = told.Where(wrong => !pardoned.Contains(new PardonedWorker(wrong.Worker, wrong.Job)) && record.Quarantined.All(known => known.Worker != wrong.Worker)).DistinctBy(wrong => wrong.Worker)
            .Select(wrong => new QuarantinedWorker(wrong.Worker, wrong.Job, wrong.Reason, clock.GetUtcNow())).ToArray();
        foreach (var wrong in found)
            LogQuarantined(wrong.Worker, wrong.Reason, wrong.Worker.Silo);
        return found.Length == 0 && pardoned.Length == record.Pardoned.Count ? record : record with { Quarantined = [.. record.Quarantined, .. found], Pardoned = pardoned };
    }

    // Of every job that tells of it, not of the first alone.
    SchedulerRecord Pardon(SchedulerRecord record, string silo)
    {
        var mended = record.Quarantined.Where(wrong => wrong.Worker.Silo == silo).ToList();
        if (mended.Count == 0)
            return record;
        var pardons = mended.Select(wrong => new PardonedWorker(wrong.Worker, wrong.Job))
            .Concat(facts.SelectMany(known => known.Value.Report?.Quarantined.Where(wrong => wrong.Worker.Silo == silo).Select(wrong => new PardonedWorker(wrong.Worker, known.Key)) ?? []));
        return record with { Quarantined = [.. record.Quarantined.Except(mended)], Pardoned = [.. record.Pardoned.Concat(pardons).Distinct()] };
    }

    [LoggerMessage(EventName = "WorkerKeptOut", Level = LogLevel.Error, Message = "{Worker} is given to no job until {Silo} is uncordoned: {Reason}")]
    partial void LogQuarantined(WorkerId worker, string reason, string silo);
}
