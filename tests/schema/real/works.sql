-- A manufacturer in five schemas that refer to each other, with convenience views and comments.
create extension tablefunc;
create extension hstore with schema public;
create extension if not exists citext;
create domain "OrderNumber" varchar(25);
create domain "Flag" boolean not null default false;
create domain "Name" varchar(50) constraint named check (value <> '');
create domain "Code" as "Name" check (length(value) < 9);

create schema person
    create table businessentity (
        businessentityid serial, rowguid uuid not null default gen_random_uuid(),
        modifieddate timestamp not null default now())
    create table person (
        businessentityid int not null, persontype char(2) not null, namestyle "Flag" not null,
        firstname "Name" not null, lastname "Name" not null, demographics xml, extra hstore,
        nick citext default 'nobody', modifieddate timestamp not null default now(),
        constraint "CK_Person_PersonType"
            check (persontype is null or upper(persontype) in ('SC', 'VC', 'IN')))
    create table countryregion (code varchar(3) not null, name "Name" not null);
create schema humanresources
    create table department (departmentid serial not null, name "Name" not null, code "Code")
    create table employee (
        businessentityid int not null, organizationlevel int, organizationnode varchar default '/',
        birthdate date not null, maritalstatus char(1) not null, salaried "Flag" default true,
        vacationhours smallint not null default (0),
        constraint "CK_BirthDate"
            check (birthdate >= '1930-01-01' and birthdate <= now() - interval '18 years'),
        constraint "CK_Marital" check (upper(maritalstatus) in ('M', 'S')))
    create table departmenthistory (
        businessentityid int not null, departmentid smallint not null, startdate date not null,
        enddate date null, check ((enddate >= startdate) or (enddate is null)));
create schema production
    create table product (
        productid serial, name "Name" not null, makeflag "Flag" default (true),
        safetystock smallint not null, listprice numeric not null, size varchar(5),
        weight decimal(8, 2), style char(2), sellstart timestamp not null, sellend timestamp,
        gain numeric generated always as (listprice * 0.1) stored,
        check (upper(style) in ('W', 'M', 'U') or style is null),
        constraint "CK_SellEnd" check ((sellend >= sellstart) or (sellend is null)))
    create table document (doc bytea, title varchar(50) not null, node varchar default '/')
    create table productreview (
        id serial, productid int not null, rating int not null, comments varchar(3850),
        constraint "CK_Rating" check (rating between 1 and 5));
create schema sales
    create table salesorder (
        id serial, number "OrderNumber", subtotal numeric not null default (0.00),
        tax numeric not null default 0, salespersonid int, customerid int not null,
        totaldue numeric generated always as (subtotal + tax) stored)
    create table salesdetail (orderid int not null, line serial, productid int not null, qty smallint);
create schema pe;
create schema sa;

alter table person.businessentity add constraint "PK_BusinessEntity" primary key (businessentityid);
cluster person.businessentity using "PK_BusinessEntity";
alter table person.person add constraint "PK_Person" primary key (businessentityid),
    add constraint "FK_Person_BusinessEntity" foreign key (businessentityid)
        references person.businessentity;
alter table person.countryregion add constraint "PK_CountryRegion" primary key (code);
alter table humanresources.department add primary key (departmentid), add unique (name);
alter table humanresources.employee add constraint "PK_Employee" primary key (businessentityid),
    add constraint "FK_Employee_Person" foreign key (businessentityid) references person.person;
alter table humanresources.departmenthistory add primary key (businessentityid, startdate),
    add foreign key (departmentid) references humanresources.department,
    add foreign key (businessentityid) references humanresources.employee on delete cascade;
alter table production.product add constraint "PK_Product" primary key (productid);
alter table production.document add column rowguid uuid not null unique default gen_random_uuid(),
    add constraint "PK_Document" primary key (node);
alter table production.productreview add primary key (id),
    add foreign key (productid) references production.product;
alter table sales.salesorder add primary key (id),
    add foreign key (salespersonid) references humanresources.employee,
    add foreign key (customerid) references person.person;
alter table sales.salesdetail add primary key (orderid, line),
    add constraint "FK_Order" foreign key (orderid) references sales.salesorder on delete cascade,
    add constraint "FK_Product" foreign key (productid) references production.product;
create index "IX_Extra" on person.person using gin (extra);
create index "IX_Nick" on person.person (nick, (extra -> 'lang'));

create view person.vnames as
    select p.businessentityid, p.firstname || ' ' || p.lastname as name,
           (p.extra -> 'lang')::"Code" as lang, p.demographics
    from person.person p where p.nick <> 'nobody' and p.namestyle;
create view humanresources.vemployee as
    select e.businessentityid, v.name, d.name as department, d.departmentid::"Code"
    from humanresources.employee e
    inner join person.vnames v on v.businessentityid = e.businessentityid
    left join (humanresources.departmenthistory h
        join humanresources.department d using (departmentid)) on h.businessentityid = e.businessentityid
    where h.enddate is null;
create view sales.vbyyear as
    select * from crosstab('select 1, 2, 3'::text, $$ select 2011 union select 2012 $$)
        as t (id integer, "2011" numeric(12, 4), "2012" numeric(12, 4));
create view pe.p as select businessentityid as id, * from person.person;
create view sa.soh as select id as "order", * from sales.salesorder;
create materialized view production.vmargins as
    select productid, round(gain / nullif(listprice, 0), 3) as margin, now() as at
    from production.product with no data;
create unique index on production.vmargins (productid);
create function production.levels() returns table (node varchar, depth integer)
    language plpgsql stable rows 50 as $$
begin return query select d.node, length(d.node) from production.document d; end $$;
create function sales.names(variadic ids integer[]) returns setof person.person language sql
    begin atomic select * from person.person where businessentityid = any (ids); end;
create function sales.latest(o sales.salesorder) returns numeric language sql immutable
    return o.totaldue;
create trigger same before update on sales.salesorder for each row
    execute function suppress_redundant_updates_trigger();
comment on schema person is 'People';
comment on table person.person is 'Human beings';
comment on column person.person.extra is 'What has no column';
comment on constraint "CK_Person_PersonType" on person.person is 'Kinds of people';
comment on domain "Flag" is 'Yes or no';
comment on function production.levels() is 'Depths';
comment on view pe.p is 'Short for person.person';
comment on materialized view production.vmargins is 'Gains';
comment on index person."IX_Extra" is 'For keys';
comment on trigger same on sales.salesorder is 'Spares rows';
comment on sequence person.businessentity_businessentityid_seq is 'Numbers';
comment on constraint "FK_Order" on sales.salesdetail is 'Of an order';
