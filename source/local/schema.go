package local

// schemaVersion is the version of the tables below, kept in the table state.
const schemaVersion = 1

// The tables. Times are seconds since the Unix epoch, 0 when unknown.
//
// The id of an entity is a keyed hash of its type and value (see Store.id), so
// that a fact can be written and found without asking for ids first. Every
// entity of a fact is the subject of one: relations stand in both directions.
//
// The clustering of facts by subject makes a look-up one range of one table.
// Both database systems read this text but for %[1]s, which ends a clustered
// table, and %[2]s, the type of a number that counts itself up.
const schema = `
create table if not exists state (
	name text primary key,
	number bigint not null
);
create table if not exists entities (
	id %[3]s primary key,
	type smallint not null,
	value text not null
);
create table if not exists generations (
	id %[2]s,
	feed text not null,
	source text not null,
	format text not null,
	state smallint not null,
	superseded_by bigint not null,
	created bigint not null,
	touched bigint not null,
	bytes bigint not null,
	digest text not null,
	records bigint not null,
	facts bigint not null,
	bad bigint not null
);
create table if not exists facts (
	subject bigint not null,
	kind smallint not null,
	object bigint not null,
	generation bigint not null,
	first_seen bigint not null,
	last_seen bigint not null,
	count bigint not null,
	verdict smallint not null,
	confidence smallint not null,
	primary key (subject, kind, object, generation)
)%[1]s;
create index if not exists facts_malicious on facts (subject) where kind = 0 and verdict = 3;
create table if not exists votes (
	entity bigint not null,
	voter text not null,
	vote smallint not null,
	cast_at bigint not null,
	primary key (entity, voter)
)%[1]s;
create table if not exists vote_log (
	id %[2]s,
	entity bigint not null,
	voter text not null,
	vote smallint not null,
	cast_at bigint not null,
	origin text not null
);
create index if not exists vote_log_entity on vote_log (entity);
create table if not exists pulls (
	feed text primary key,
	url text not null,
	etag text not null,
	modified text not null,
	checked bigint not null,
	note text not null
)%[1]s
`

// The states of a generation.
const (
	stateOpen       = 0 // being written
	stateLive       = 1 // seen
	stateSuperseded = 2 // replaced by a later one of its feed, can come back
	stateDead       = 3 // to be deleted
)
