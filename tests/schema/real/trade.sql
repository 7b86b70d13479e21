-- A trading company of an older day: blank-padded codes, small numbers, pictures, composite keys.
set statement_timeout = 0;
create table categories (
    category_id smallint not null, category_name character varying(15) not null,
    description text, picture bytea default '\x00'::bytea,
    constraint pk_categories primary key (category_id));
create table customers (
    customer_id bpchar not null, company_name character varying(40) not null,
    region character(5) default 'north'::bpchar, flags bit(3) default b'101', more bit varying(8),
    constraint pk_customers primary key (customer_id));
create table customer_demographics (
    customer_type_id bpchar not null, customer_desc text,
    constraint pk_demographics primary key (customer_type_id));
create table customer_customer_demo (
    customer_id bpchar not null, customer_type_id bpchar not null,
    constraint pk_customer_demo primary key (customer_id, customer_type_id),
    constraint fk_demo_type foreign key (customer_type_id) references customer_demographics,
    constraint fk_demo_customer foreign key (customer_id) references customers);
create table employees (
    employee_id smallint primary key, last_name character varying(20) not null,
    hire_date date default '1993-01-01', salary money, home point, ip inet, mac macaddr,
    photo bytea, reports_to smallint references employees, worked interval day to second(3),
    at_time time(2) with time zone default '08:00:00+00', since timestamp(0) without time zone);
alter table employees alter photo set storage main, alter photo set compression pglz;
create table region (region_id smallint primary key, description char(60) not null);
create table territories (
    territory_id varchar(20) not null primary key, description char not null,
    region_id smallint not null references region);
create table employee_territories (
    employee_id smallint, territory_id varchar(20) not null,
    constraint pk_employee_territories primary key (territory_id, employee_id),
    foreign key (employee_id) references employees, foreign key (territory_id) references territories);
create table suppliers (
    supplier_id smallint primary key, homepage text, "Phone" varchar(24), score double precision,
    ratio real default 0.1, big numeric, exact numeric(20, 0), doc json, docb jsonb default '{}');
create table products (
    product_id smallint not null, supplier_id smallint, category_id smallint,
    quantity_per_unit varchar(20), unit_price real, units_in_stock smallint default (0)::smallint,
    discontinued integer not null, dropped_soon text,
    constraint pk_products primary key (product_id),
    constraint price check (unit_price >= 0::double precision and units_in_stock is not null),
    foreign key (category_id) references categories, foreign key (supplier_id) references suppliers);
alter table products drop dropped_soon, add again varchar(3) not null default 'no';
create table orders (
    order_id smallint not null, customer_id bpchar, employee_id smallint, order_date date,
    freight real, ship_country varchar(15), constraint pk_orders primary key (order_id),
    foreign key (customer_id) references customers on update set default,
    foreign key (employee_id) references employees);
create table order_details (
    order_id smallint not null, product_id smallint not null, unit_price real not null,
    quantity smallint not null, discount real not null,
    constraint pk_order_details primary key (order_id, product_id),
    foreign key (order_id) references orders, foreign key (product_id) references products);
create table shipments (
    order_id smallint, product_id smallint, part integer, during tsrange, kept int4range,
    primary key (order_id, product_id, part),
    foreign key (order_id, product_id) references order_details (order_id, product_id)
        match full on delete cascade,
    exclude using gist (during with &&, kept with =) where (part > 0),
    unique (part, during) deferrable initially immediate);
create unlogged table us_states (
    state_id smallint not null primary key, state_name varchar(100), state_abbr varchar(2));
alter table us_states replica identity full;
create table no_key (n integer, code character varying(5), unique (n, code));
alter table no_key alter n set not null, alter code set not null;
alter table no_key replica identity using index no_key_n_code_key;
create table nothing ();
create table tags (name text collate "POSIX", code "char" default 'x', ids int[] default '{1,2}',
    grid integer[][], names name[], u uuid default gen_random_uuid(), o oid, x xml, q tsquery);

create index on products (supplier_id, category_id desc);
create index orders_date_brin on orders using brin (order_date) with (pages_per_range = 32);
create index orders_customer on orders (customer_id bpchar_pattern_ops);
create index tags_ids on tags using gin (ids);
create index suppliers_docb on suppliers using gin (docb jsonb_path_ops);
create index employees_home on employees using gist (home);
create index employees_ip on employees using spgist (ip);
create index on order_details ((unit_price * quantity::double precision)) where discount > 0.5;
alter table orders cluster on orders_customer;
create view invoices as
    select o.order_id, c.company_name::character varying(10) as short,
           sum((d.unit_price * d.quantity)::numeric(10, 2)) as total
    from orders o, customers c, order_details d
    where c.customer_id = o.customer_id and d.order_id = o.order_id and c.region = 'north'
        and o.ship_country = any (array['USA'::varchar, 'UK'::varchar])
        and c.company_name in ('one', 'two') and c.company_name not like 'x%'
    group by rollup (o.order_id, c.company_name);
create view latest as
    select distinct on (customer_id) customer_id, order_date,
        extract(year from order_date) as y, order_date at time zone 'UTC' as utc
    from orders where not exists (select from no_key where n = order_id)
    order by customer_id, order_date desc limit 100 offset 2;
create view unioned as
    select category_id as id, 'c' as what from categories
    union all (select region_id, 'r' from region except select 1, 'x')
    order by 2, 1;
create view lateral_one as
    select c.customer_id, x.n, grouping(c.region) from customers c
    cross join lateral (select count(*) from orders o where o.customer_id = c.customer_id) x (n)
    group by cube (c.customer_id, c.region, x.n);
create function total(smallint) returns real language sql stable as
    'select sum(unit_price * quantity)::real from order_details where order_id = $1';
