"""An example shop of ten tables, one of them far larger than the others."""

import psycopg

# every table except `order_items` has a small fixed size
_SCHEMA = """
create schema shop;
create table shop.categories (id int primary key, name text not null unique);
create table shop.products (
  id int primary key, category int not null references shop.categories, title text not null,
  price numeric(10,2) not null, attributes jsonb);
create table shop.customers (
  id bigint primary key, email text not null unique, created timestamptz not null);
create table shop.addresses (
  id bigint primary key, customer bigint not null references shop.customers, street text, zip text);
create table shop.orders (
  id bigint primary key, customer bigint not null references shop.customers,
  ordered timestamptz not null, state text not null);
create table shop.order_items (
  id bigint primary key, order_id bigint not null references shop.orders,
  product int not null references shop.products, quantity int not null, price numeric(10,2));
create table shop.payments (
  id bigint primary key, order_id bigint not null references shop.orders,
  amount numeric(12,2), paid timestamptz);
create table shop.reviews (
  id bigint primary key, product int not null references shop.products, stars int, body text);
create table shop.stock (
  product int references shop.products, warehouse int, pieces int,
  primary key (product, warehouse));
create table shop.audit_log (id bigint primary key, at timestamptz, what text);
create index on shop.order_items (order_id);
create index on shop.orders (customer);
"""
_ROWS = """
insert into shop.categories select i, 'category ' || i from generate_series(1, 20) i;
insert into shop.products
  select i, 1 + i % 20, 'product ' || i, i * 1.25, jsonb_build_object('n', i)
    from generate_series(1, 500) i;
insert into shop.customers
  select i, 'c' || i || '@example.org', timestamptz '2026-01-01' + i * interval '1 min'
    from generate_series(1, 5000) i;
insert into shop.addresses
  select i, 1 + i % 5000, 'street ' || i, lpad(i::text, 5, '0') from generate_series(1, 6000) i;
insert into shop.orders
  select i, 1 + i % 5000, timestamptz '2026-02-01' + i * interval '1 min', 'paid'
    from generate_series(1, 10000) i;
insert into shop.order_items
  select i, 1 + i % 10000, 1 + i % 500, 1 + i % 3, i % 1000 * 0.99
    from generate_series(1, {items}) i;
insert into shop.payments
  select i, 1 + i % 10000, i * 0.5, timestamptz '2026-02-01' + i * interval '1 s'
    from generate_series(1, 10000) i;
insert into shop.reviews
  select i, 1 + i % 500, i % 5, repeat('good ', i % 20) from generate_series(1, 3000) i;
insert into shop.stock select 1 + i % 500, i / 500, i from generate_series(0, 1499) i;
insert into shop.audit_log
  select i, timestamptz '2026-03-01' + i * interval '1 s', 'event ' || i
    from generate_series(1, 8000) i;
analyze;
"""


def create_shop(dsn: str, order_items: int) -> None:
    """Create the ten tables in the database, with that many rows in `order_items`."""
    with psycopg.connect(dsn) as connection:
        connection.execute(_SCHEMA)
        connection.execute(_ROWS.format(items=order_items).encode())
