-- SPDX-License-Identifier: Apache-2.0
pragma journal_mode = wal;
create table word (id integer primary key, text text, weight real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
  insert into word select i, printf('word-%d-%s', i * 7919 % 10007, hex(i)), i * 0.5 from n;
create index by_text on word (text);
select count(*), sum(weight), min(text), max(text) from word;
select substr(text, 1, 6) as head, count(*) from word group by head order by 2 desc, 1 limit 10;
select count(*) from word a join word b on a.id = b.id * 3 where b.text like 'word-1%';
update word set text = upper(text) where id % 3 = 0;
delete from word where id % 5 = 0;
select count(*), group_concat(id) from (select id from word order by text limit 20);
create virtual table search using fts5(body);
insert into search select text from word limit 2000;
select count(*) from search where search match 'word';
vacuum;
pragma integrity_check;
