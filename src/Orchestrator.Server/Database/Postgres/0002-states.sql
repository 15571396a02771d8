-- The states of grains. A state's key is its name ("job") and the grain's key: a number or a Guid in two halves (GrainIdN1, GrainIdN0), or text. Version is its ETag.
create table OrleansStorage (
    ServiceId text not null,
    GrainTypeString text not null,
    GrainIdN0 bigint not null,
    GrainIdN1 bigint not null,
    GrainIdExtensionString text not null,
    PayloadBinary bytea,
    ModifiedOn timestamptz not null,
    Version integer not null,
    primary key (ServiceId, GrainTypeString, GrainIdN0, GrainIdN1, GrainIdExtensionString)
);

-- A new state is written where there is none, a known one where it still has the version that was read. The answer is the new version, or, where nothing was written, the one that was given.
insert into OrleansQuery values ('WriteToStorageKey', '
    with written as (
        insert into OrleansStorage (ServiceId, GrainTypeString, GrainIdN0, GrainIdN1, GrainIdExtensionString, PayloadBinary, ModifiedOn, Version)
        select @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString::text, ''''), @PayloadBinary::bytea, now(), 1
        where @GrainStateVersion::integer is null or exists (
            select from OrleansStorage where ServiceId = @ServiceId and GrainTypeString = @GrainTypeString
                and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1 and GrainIdExtensionString = coalesce(@GrainIdExtensionString::text, ''''))
        on conflict (ServiceId, GrainTypeString, GrainIdN0, GrainIdN1, GrainIdExtensionString) do update
            set PayloadBinary = excluded.PayloadBinary, ModifiedOn = excluded.ModifiedOn, Version = OrleansStorage.Version + 1
            where OrleansStorage.Version = @GrainStateVersion::integer
        returning Version)
    select coalesce((select Version from written), @GrainStateVersion::integer) as NewGrainStateVersion');

insert into OrleansQuery values ('ReadFromStorageKey', '
    select PayloadBinary, Version from OrleansStorage
    where ServiceId = @ServiceId and GrainTypeString = @GrainTypeString
        and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1 and GrainIdExtensionString = coalesce(@GrainIdExtensionString::text, '''')');

-- Forgets what a state says and keeps its row, so that versions go on.
insert into OrleansQuery values ('ClearStorageKey', '
    with cleared as (
        update OrleansStorage set PayloadBinary = null, ModifiedOn = now(), Version = Version + 1
        where ServiceId = @ServiceId and GrainTypeString = @GrainTypeString
            and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1 and GrainIdExtensionString = coalesce(@GrainIdExtensionString::text, '''')
            and Version = @GrainStateVersion::integer
        returning Version)
    select coalesce((select Version from cleared), @GrainStateVersion::integer) as NewGrainStateVersion');

insert into OrleansQuery values ('DeleteStorageKey', '
    with gone as (
        delete from OrleansStorage
        where ServiceId = @ServiceId and GrainTypeString = @GrainTypeString
            and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1 and GrainIdExtensionString = coalesce(@GrainIdExtensionString::text, '''')
            and Version = @GrainStateVersion::integer
        returning Version)
    select coalesce((select Version + 1 from gone), @GrainStateVersion::integer) as NewGrainStateVersion');
