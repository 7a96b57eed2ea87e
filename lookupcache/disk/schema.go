package disk

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// schemaVersion is the version of all tables below, kept as user_version.
const schemaVersion = 2

// schema creates the tables of version 1. Times are milliseconds since the Unix epoch. A
// key is the scope's id as a varint, the type's number in one byte, and the
// value, so that the answers of a scope lie together. Names of scopes and
// sources are the caller's and hold no secrets.
const schema = `
create table scopes (
	id integer primary key,
	name text not null unique
);
create table answers (
	key blob primary key,
	status integer not null,
	fetched integer not null,
	expires integer not null,
	verdict integer not null,
	votes integer,
	related integer not null,
	last_seen text not null,
	permalink text not null
) without rowid;
create index answers_expires on answers (expires);
create table reports (
	key blob primary key,
	body blob not null
) without rowid;
create table leases (
	key blob primary key,
	holder text not null,
	expires integer not null
) without rowid;
create table queue (
	key blob primary key,
	rows integer not null,
	queued integer not null,
	hidden_until integer not null default 0
) without rowid;
create index queue_wanted on queue (rows desc, queued);
create table budgets (
	source text primary key,
	policy text not null,
	state text not null
) without rowid;
create table locks (
	name text primary key,
	holder text not null,
	expires integer not null
) without rowid;
`

// schemaRecent adds what the file of recent answers holds by: see recently. An
// answer that takes the place of one that has not expired takes that back.
const schemaRecent = `
create table facts (
	name text primary key,
	value integer not null
) without rowid;
insert into facts (name, value) values ('recent', random() >> 2);
create trigger answers_replaced after update on answers when old.expires > new.fetched and old.fetched <> new.fetched begin
	update facts set value = value + 1 where name = 'recent';
end;
`

// errForeign: the file is a database, but none of ours.
var errForeign = errors.New("the file is not a tclookup database")

// migrations[v] brings version v to v+1. Version 0 never had tables.
var migrations = map[int]string{0: schema, 1: schemaRecent}

// checkSchema creates the tables in an empty database, brings older ones up to
// date and refuses the others.
func (h *handle) checkSchema(ctx context.Context) error {
	version, err := h.version(ctx)
	if err != nil || version == schemaVersion {
		return err
	}
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// Another process may have done it while this one waited for the lock.
	if err := tx.QueryRowContext(ctx, "pragma user_version").Scan(&version); err != nil {
		return err
	}
	for v := version; v < schemaVersion; v++ {
		step, ok := migrations[v]
		if !ok {
			return errForeign
		}
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("bring tables from version %d to %d: %w", v, v+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("pragma application_id = %d; pragma user_version = %d", applicationID, schemaVersion)); err != nil {
		return err
	}
	return tx.Commit()
}

// version returns the version of the tables, 0 in an empty database.
func (h *handle) version(ctx context.Context) (version int, err error) {
	var app int
	if err := h.db.QueryRowContext(ctx, "pragma application_id").Scan(&app); err != nil {
		return 0, err
	}
	if err := h.db.QueryRowContext(ctx, "pragma user_version").Scan(&version); err != nil {
		return 0, err
	}
	switch {
	case app == applicationID && version > schemaVersion:
		return 0, fmt.Errorf("tables of version %d: %w", version, ErrNewerSchema)
	case app == applicationID && version > 0:
		return version, nil
	}
	var tables int
	if err := h.db.QueryRowContext(ctx, "select count(*) from sqlite_schema").Scan(&tables); err != nil {
		return 0, err
	}
	if tables > 0 {
		// Perhaps another process has created them a moment ago.
		if err := h.db.QueryRowContext(ctx, "pragma application_id").Scan(&app); err != nil {
			return 0, err
		}
		if app != applicationID {
			return 0, errForeign
		}
		return schemaVersion, nil
	}
	if app != 0 && app != applicationID || version != 0 {
		return 0, errForeign
	}
	return 0, nil
}

// missing recognizes SQLite's complaint about a table that should be there.
func missing(msg string) bool {
	return strings.Contains(msg, "no such table") || strings.Contains(msg, "no such column")
}
