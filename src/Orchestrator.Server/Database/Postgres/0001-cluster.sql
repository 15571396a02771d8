-- What Orleans keeps of a cluster. It looks its statements up in OrleansQuery, by the keys below, when it starts.
create table OrleansQuery (QueryKey text primary key, QueryText text not null);

-- Who lives: a row an incarnation of a server, and a version that every change raises, so that two changes at once do not both succeed.
create table OrleansMembershipVersionTable (
    DeploymentId text primary key,
    Timestamp timestamptz(3) not null default now(),
    Version integer not null default 0
);

create table OrleansMembershipTable (
    DeploymentId text not null,
    Address text not null,
    Port integer not null,
    Generation integer not null,
    SiloName text not null,
    HostName text not null,
    Status integer not null,
    ProxyPort integer,
    SuspectTimes text,
    StartTime timestamptz(3) not null,
    IAmAliveTime timestamptz(3) not null,
    primary key (DeploymentId, Address, Port, Generation)
);

insert into OrleansQuery values ('InsertMembershipVersionKey', '
    with added as (insert into OrleansMembershipVersionTable (DeploymentId) values (@DeploymentId) on conflict do nothing returning 1)
    select exists (select from added)');

insert into OrleansQuery values ('InsertMembershipKey', '
    with raised as (
        update OrleansMembershipVersionTable set Timestamp = now(), Version = Version + 1
        where DeploymentId = @DeploymentId and Version = @Version and not exists (
            select from OrleansMembershipTable where DeploymentId = @DeploymentId and Address = @Address and Port = @Port and Generation = @Generation)
        returning 1),
    added as (
        insert into OrleansMembershipTable (DeploymentId, Address, Port, Generation, SiloName, HostName, Status, ProxyPort, StartTime, IAmAliveTime)
        select @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime
        where exists (select from raised)
        returning 1)
    select exists (select from added)');

insert into OrleansQuery values ('UpdateMembershipKey', '
    with raised as (
        update OrleansMembershipVersionTable set Timestamp = now(), Version = Version + 1
        where DeploymentId = @DeploymentId and Version = @Version and exists (
            select from OrleansMembershipTable where DeploymentId = @DeploymentId and Address = @Address and Port = @Port and Generation = @Generation)
        returning 1),
    changed as (
        update OrleansMembershipTable set Status = @Status, SuspectTimes = @SuspectTimes, IAmAliveTime = greatest(IAmAliveTime, @IAmAliveTime)
        where DeploymentId = @DeploymentId and Address = @Address and Port = @Port and Generation = @Generation and exists (select from raised)
        returning 1)
    select exists (select from changed)');

insert into OrleansQuery values ('UpdateIAmAlivetimeKey', '
    update OrleansMembershipTable set IAmAliveTime = greatest(IAmAliveTime, @IAmAliveTime)
    where DeploymentId = @DeploymentId and Address = @Address and Port = @Port and Generation = @Generation');

-- The version comes even where no server is: members are null then.
insert into OrleansQuery values ('MembershipReadAllKey', '
    select v.DeploymentId, m.Address, m.Port, m.Generation, m.SiloName, m.HostName, m.Status, m.ProxyPort, m.SuspectTimes, m.StartTime, m.IAmAliveTime, v.Version
    from OrleansMembershipVersionTable v left join OrleansMembershipTable m on m.DeploymentId = v.DeploymentId
    where v.DeploymentId = @DeploymentId');

insert into OrleansQuery values ('MembershipReadRowKey', '
    select v.DeploymentId, m.Address, m.Port, m.Generation, m.SiloName, m.HostName, m.Status, m.ProxyPort, m.SuspectTimes, m.StartTime, m.IAmAliveTime, v.Version
    from OrleansMembershipVersionTable v
    left join OrleansMembershipTable m on m.DeploymentId = v.DeploymentId and m.Address = @Address and m.Port = @Port and m.Generation = @Generation
    where v.DeploymentId = @DeploymentId');

insert into OrleansQuery values ('GatewaysQueryKey', '
    select Address, ProxyPort, Generation from OrleansMembershipTable where DeploymentId = @DeploymentId and Status = @Status and ProxyPort > 0');

insert into OrleansQuery values ('DeleteMembershipTableEntriesKey', '
    with members as (delete from OrleansMembershipTable where DeploymentId = @DeploymentId)
    delete from OrleansMembershipVersionTable where DeploymentId = @DeploymentId');

-- Status 6 is dead. All that have been dead for long, or one whose row is still as it was read.
insert into OrleansQuery values ('CleanupDefunctSiloEntriesKey', '
    delete from OrleansMembershipTable
    where DeploymentId = @DeploymentId and Status = 6 and IAmAliveTime < @IAmAliveTime and StartTime < @IAmAliveTime');

insert into OrleansQuery values ('CleanupDefunctSiloEntryKey', '
    delete from OrleansMembershipTable
    where DeploymentId = @DeploymentId and Status = 6 and Address = @Address and Port = @Port and Generation = @Generation
        and IAmAliveTime = @IAmAliveTime and StartTime = @StartTime and coalesce(SuspectTimes, '''') = coalesce(@SuspectTimes, '''')');
