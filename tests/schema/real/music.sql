-- A music shop whose every name is mixed-case, so that every name has to be quoted.
create schema "Shop";
create type "Shop"."MediaKind" as enum ('Audio', 'Video "HD"', 'It''s a book');
create table "Artist" (
    "ArtistId" integer not null, "Name" character varying(120),
    constraint "PK_Artist" primary key ("ArtistId"));
create table "Album" (
    "AlbumId" serial, "Title" varchar(160) not null, "ArtistId" int not null,
    constraint "PK_Album" primary key ("AlbumId"));
create table "Employee" (
    "EmployeeId" int generated always as identity, "LastName" varchar(20) not null,
    "FirstName" varchar(20) not null, "ReportsTo" int, "BirthDate" timestamp,
    "Full Name" text generated always as ("LastName" || ', ' || "FirstName") stored,
    constraint "PK_Employee" primary key ("EmployeeId"));
create table "Customer" (
    "CustomerId" int not null, "Email" varchar(60) not null, "SupportRepId" int,
    "Country" varchar(40) default 'N/A', constraint "PK_Customer" primary key ("CustomerId"));
create table "Genre" ("GenreId" int constraint "PK_Genre" primary key, "Name" varchar(120));
create table "MediaType" (
    "MediaTypeId" smallint constraint "PK_MediaType" primary key,
    "Kind" "Shop"."MediaKind" not null default 'Audio');
create table "Shop"."Invoice" (
    "InvoiceId" int not null, "CustomerId" int not null, "InvoiceDate" timestamp not null,
    "Total" numeric(10, 2) not null, constraint "PK_Invoice" primary key ("InvoiceId"));
create table "Shop"."InvoiceLine" (
    "InvoiceLineId" int not null, "InvoiceId" int not null, "TrackId" int not null,
    "UnitPrice" numeric(10, 2) not null, "Quantity" int not null,
    constraint "PK_InvoiceLine" primary key ("InvoiceLineId"),
    constraint "CK_Quantity" check ("Quantity" > 0 and "UnitPrice" >= (0)::numeric));
create table "Playlist" ("PlaylistId" int constraint "PK_Playlist" primary key, "Name" text);
create table "Track" (
    "TrackId" int not null, "Name" varchar(200) not null, "AlbumId" int, "MediaTypeId" smallint,
    "GenreId" int, "Milliseconds" int not null, "Bytes" bigint,
    "UnitPrice" numeric(10, 2) not null, constraint "PK_Track" primary key ("TrackId"));
create table "PlaylistTrack" (
    "PlaylistId" int not null, "TrackId" int not null,
    constraint "PK_PlaylistTrack" primary key ("PlaylistId", "TrackId"));
create table "order" ("select" int primary key, "Group" text, "user" text, "group" text unique);
create table "ORDER" ("Select" int references "order" ("select"), "a.b" int, "c""d" int, "e f" int);

alter table "Album" add constraint "FK_AlbumArtistId" foreign key ("ArtistId")
    references "Artist" ("ArtistId") on delete no action on update no action;
create index "IFK_AlbumArtistId" on "Album" ("ArtistId");
alter table "Customer" add constraint "FK_CustomerSupportRepId" foreign key ("SupportRepId")
    references "Employee" ("EmployeeId") on delete set null on update cascade;
create index "IFK_CustomerSupportRepId" on "Customer" ("SupportRepId");
alter table "Employee" add constraint "FK_EmployeeReportsTo" foreign key ("ReportsTo")
    references "Employee" ("EmployeeId") match full;
create index "IFK_EmployeeReportsTo" on "Employee" ("ReportsTo");
alter table "Shop"."Invoice" add constraint "FK_InvoiceCustomerId" foreign key ("CustomerId")
    references "Customer" ("CustomerId");
alter table "Shop"."InvoiceLine" add constraint "FK_InvoiceLineInvoiceId"
    foreign key ("InvoiceId") references "Shop"."Invoice" ("InvoiceId") on delete cascade;
alter table "Shop"."InvoiceLine" add constraint "FK_InvoiceLineTrackId"
    foreign key ("TrackId") references "Track" ("TrackId") not valid;
create index "IFK_InvoiceLineTrackId" on "Shop"."InvoiceLine" using hash ("TrackId");
alter table "PlaylistTrack" add constraint "FK_PlaylistTrackPlaylistId"
    foreign key ("PlaylistId") references "Playlist" ("PlaylistId");
alter table "PlaylistTrack" add constraint "FK_PlaylistTrackTrackId"
    foreign key ("TrackId") references "Track" ("TrackId") deferrable;
alter table "Track" add constraint "FK_TrackAlbumId" foreign key ("AlbumId")
    references "Album" ("AlbumId");
alter table "Track" add constraint "FK_TrackGenreId" foreign key ("GenreId")
    references "Genre" ("GenreId");
alter table "Track" add constraint "FK_TrackMediaTypeId" foreign key ("MediaTypeId")
    references "MediaType" ("MediaTypeId");
create index "Track by Name" on "Track" (lower("Name"), "AlbumId" desc) where "Bytes" is not null;
create unique index "Odd.Index" on "ORDER" ("a.b", (("c""d" + "e f") % 7)) nulls not distinct;

create function "Shop"."Total Of"("anInvoice" integer) returns numeric language plpgsql stable as $$
begin
    return (select sum("UnitPrice" * "Quantity") from "Shop"."InvoiceLine"
            where "InvoiceId" = "anInvoice");
end $$;
create function "Shop"."Stamp"() returns trigger language plpgsql as $$
begin new."InvoiceDate" := now(); return new; end $$;
create trigger "Stamp It" before insert or update of "Total" on "Shop"."Invoice"
    for each row execute function "Shop"."Stamp"();
create trigger "After All" after delete on "Track" referencing old table as "Old"
    for each statement execute function "Shop"."Stamp"();
create constraint trigger "Checked" after insert on "Artist" deferrable initially deferred
    for each row execute function "Shop"."Stamp"();
create view "Shop"."Sold Tracks" ("Track Id", "How Many") as
    select t."TrackId", count(*) from "Track" t
    join "Shop"."InvoiceLine" l using ("TrackId") group by t."TrackId" having count(*) > 1;
create view "Everything" as select a.*, b."Title" from "Artist" a natural left join "Album" b;
create materialized view "Shop"."Top 10" as
    select "Track Id", rank() over (order by "How Many" desc) as "Rank" from "Shop"."Sold Tracks";
create index "Top 10 Rank" on "Shop"."Top 10" ("Rank");
comment on column "ORDER"."c""d" is 'a quote in its name';
comment on index "Odd.Index" is 'a dot in its name';
grant select ("Group"), update ("user") on "order" to public;
