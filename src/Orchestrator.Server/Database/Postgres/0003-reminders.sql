-- Reminders: what wakes a grain that nobody calls. GrainHash says which server looks after one; Period is in milliseconds.
create table OrleansRemindersTable (
    ServiceId text not null,
    GrainId text not null,
    ReminderName text not null,
    StartTime timestamptz(3) not null,
    Period bigint not null,
    GrainHash integer not null,
    Version integer not null,
    primary key (ServiceId, GrainId, ReminderName)
);

insert into OrleansQuery values ('UpsertReminderRowKey', '
    insert into OrleansRemindersTable (ServiceId, GrainId, ReminderName, StartTime, Period, GrainHash, Version)
    values (@ServiceId, @GrainId, @ReminderName, @StartTime, @Period::bigint, @GrainHash, 0)
    on conflict (ServiceId, GrainId, ReminderName) do update
        set StartTime = excluded.StartTime, Period = excluded.Period, GrainHash = excluded.GrainHash, Version = OrleansRemindersTable.Version + 1
    returning Version');

insert into OrleansQuery values ('ReadReminderRowsKey', '
    select GrainId, ReminderName, StartTime, Period, Version from OrleansRemindersTable where ServiceId = @ServiceId and GrainId = @GrainId');

insert into OrleansQuery values ('ReadReminderRowKey', '
    select GrainId, ReminderName, StartTime, Period, Version from OrleansRemindersTable
    where ServiceId = @ServiceId and GrainId = @GrainId and ReminderName = @ReminderName');

-- A range of the ring of hashes, and one that goes over its end.
insert into OrleansQuery values ('ReadRangeRows1Key', '
    select GrainId, ReminderName, StartTime, Period, Version from OrleansRemindersTable
    where ServiceId = @ServiceId and GrainHash > @BeginHash and GrainHash <= @EndHash');

insert into OrleansQuery values ('ReadRangeRows2Key', '
    select GrainId, ReminderName, StartTime, Period, Version from OrleansRemindersTable
    where ServiceId = @ServiceId and (GrainHash > @BeginHash or GrainHash <= @EndHash)');

insert into OrleansQuery values ('DeleteReminderRowKey', '
    with gone as (
        delete from OrleansRemindersTable where ServiceId = @ServiceId and GrainId = @GrainId and ReminderName = @ReminderName and Version = @Version returning 1)
    select exists (select from gone)');

insert into OrleansQuery values ('DeleteReminderRowsKey', 'delete from OrleansRemindersTable where ServiceId = @ServiceId');
