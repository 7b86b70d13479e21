-- What the mapping says happens on the way: schemas, a table and a column get other names.
alter schema app rename to core;
create schema sales;
alter table core.orders set schema sales;
alter table sales.orders rename to purchases;
alter table sales.purchases rename column placed_at to ordered_at;
alter table core.customers rename column nick to alias;
drop schema outside cascade;
