-- The states of grains. Orleans looks its statements up in OrleansQuery, by the keys below, when it starts.
create table OrleansQuery (QueryKey text primary key, QueryText text not null);

-- A state's key is its name ("job") and the grain's key: a number or a Guid in two halves (GrainIdN1, GrainIdN0), or text. Version is its ETag.
create table OrleansStorage (
    ServiceId text not null,
    GrainTypeString text not null,
    GrainIdN0 integer not null,
    GrainIdN1 integer not null,
    GrainIdExtensionString text not null,
    PayloadBinary blob,
    ModifiedOn text not null,
    Version integer not null,
    primary key (ServiceId, GrainTypeString, GrainIdN0, GrainIdN1, GrainIdExtensionString)
);

-- A new state is written where there is none, a known one where it still has the version that was read. The answer is the new version, or, where nothing was written, the one that was given.
insert into OrleansQuery values ('WriteToStorageKey', '
    insert into OrleansStorage (ServiceId, GrainTypeString, GrainIdN0, GrainIdN1, GrainIdExtensionString, PayloadBinary, ModifiedOn, Version)
    select @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString, ''''), @PayloadBinary, strftime(''%Y-%m-%dT%H:%M:%fZ'', ''now''), 1
    where @GrainStateVersion is null or exists (
        select 1 from OrleansStorage where ServiceId = @ServiceId and GrainTypeString = @GrainTypeString
            and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1 and GrainIdExtensionString = coalesce(@GrainIdExtensionString, ''''))
    on conflict (ServiceId, GrainTypeString, GrainIdN0, GrainIdN1, GrainIdExtensionString) do update
        set PayloadBinary = excluded.PayloadBinary, ModifiedOn = excluded.ModifiedOn, Version = OrleansStorage.Version + 1
        where OrleansStorage.Version = @GrainStateVersion;
    select case when changes() = 0 then @GrainStateVersion else coalesce(@GrainStateVersion, 0) + 1 end as NewGrainStateVersion;
');

insert into OrleansQuery values ('ReadFromStorageKey', '
    select PayloadBinary, Version from OrleansStorage
    where ServiceId = @ServiceId and GrainTypeString = @GrainTypeString
        and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1 and GrainIdExtensionString = coalesce(@GrainIdExtensionString, '''');
');

-- Forgets what a state says and keeps its row, so that versions go on.
insert into OrleansQuery values ('ClearStorageKey', '
    update OrleansStorage set PayloadBinary = null, ModifiedOn = strftime(''%Y-%m-%dT%H:%M:%fZ'', ''now''), Version = Version + 1
    where ServiceId = @ServiceId and GrainTypeString = @GrainTypeString
        and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1 and GrainIdExtensionString = coalesce(@GrainIdExtensionString, '''') and Version = @GrainStateVersion;
    select case when changes() = 0 then @GrainStateVersion else @GrainStateVersion + 1 end as NewGrainStateVersion;
');

insert into OrleansQuery values ('DeleteStorageKey', '
    delete from OrleansStorage
    where ServiceId = @ServiceId and GrainTypeString = @GrainTypeString
        and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1 and GrainIdExtensionString = coalesce(@GrainIdExtensionString, '''') and Version = @GrainStateVersion;
    select case when changes() = 0 then @GrainStateVersion else @GrainStateVersion + 1 end as NewGrainStateVersion;
');
