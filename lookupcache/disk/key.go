package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/lookupcache"
)

// appendKey appends the key of an indicator within a scope.
func appendKey(dst []byte, scope uint64, ind indicator.Indicator) []byte {
	dst = binary.AppendUvarint(dst, scope)
	dst = append(dst, byte(ind.Type))
	return append(dst, ind.Value...)
}

// splitKey takes a key apart.
func splitKey(key []byte) (scope uint64, ind indicator.Indicator, err error) {
	scope, n := binary.Uvarint(key)
	if n <= 0 || n >= len(key) {
		return 0, ind, fmt.Errorf("%w: bad key %x", ErrCorrupt, key)
	}
	return scope, indicator.Indicator{Type: indicator.Type(key[n]), Value: string(key[n+1:])}, nil
}

// scopeRange returns the keys of a scope: from <= key < to.
func scopeRange(scope uint64) (from, to []byte) {
	from = binary.AppendUvarint(nil, scope)
	to = append([]byte(nil), from...)
	to[len(to)-1]++ // the last byte of a varint is below 0x80
	return from, to
}

var errNoScope = errors.New("unknown scope")

// scope returns the id of a scope. Within a write it is created when it is
// missing; otherwise the error is errNoScope.
func (h *handle) scope(ctx context.Context, name string, w *write) (uint64, error) {
	h.mu.Lock()
	id, ok := h.scopes[name]
	h.mu.Unlock()
	if ok {
		return id, nil
	}
	if w != nil {
		return w.scope(name)
	}
	ok, err := h.row(ctx, findScope, []any{name}, &id)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, errNoScope
	}
	h.learn(name, id)
	return id, nil
}

const findScope = "select id from scopes where name = ?"

// scope returns the id of a scope and creates it when it is missing. The
// handle learns it when the transaction is committed: it may be rolled back,
// and the id then be another scope's.
func (w *write) scope(name string) (id uint64, err error) {
	if id, ok := w.scopes[name]; ok {
		return id, nil
	}
	ok, err := w.row(findScope, []any{name}, &id)
	if err == nil && !ok {
		_, err = w.row("insert into scopes (name) values (?) returning id", []any{name}, &id)
	}
	if err != nil {
		return 0, err
	}
	if w.scopes == nil {
		w.scopes = map[string]uint64{}
	}
	w.scopes[name] = id
	return id, nil
}

// learn keeps the id of a scope in memory.
func (h *handle) learn(name string, id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.scopes[name], h.names[id] = id, name
}

// scopeName returns the name of a scope.
func (h *handle) scopeName(ctx context.Context, id uint64) (string, error) {
	h.mu.Lock()
	name, ok := h.names[id]
	h.mu.Unlock()
	if ok {
		return name, nil
	}
	ok, err := h.row(ctx, "select name from scopes where id = ?", []any{id}, &name)
	if err == nil && !ok {
		err = fmt.Errorf("%w: scope %d has no name", ErrCorrupt, id)
	}
	if err != nil {
		return "", err
	}
	h.learn(name, id)
	return name, nil
}

// keys encodes keys; encoded[i] is nil where the scope does not exist yet.
func (h *handle) keys(ctx context.Context, keys []lookupcache.Key, w *write) (encoded [][]byte, err error) {
	encoded = make([][]byte, len(keys))
	size := 0
	for i := range keys {
		size += len(keys[i].Value) + 4
	}
	buf := make([]byte, 0, size)
	last, id, known := "", uint64(0), false
	for i, k := range keys {
		if i == 0 || k.Scope != last {
			last, known = k.Scope, true
			if id, err = h.scope(ctx, k.Scope, w); errors.Is(err, errNoScope) {
				known = false
			} else if err != nil {
				return nil, err
			}
		}
		if !known {
			continue
		}
		start := len(buf)
		buf = appendKey(buf, id, k.Indicator)
		encoded[i] = buf[start:len(buf):len(buf)]
	}
	return encoded, nil
}

// key decodes a key.
func (h *handle) key(ctx context.Context, encoded []byte) (k lookupcache.Key, err error) {
	id, ind, err := splitKey(encoded)
	if err != nil {
		return k, err
	}
	name, err := h.scopeName(ctx, id)
	return lookupcache.Key{Scope: name, Indicator: ind}, err
}
