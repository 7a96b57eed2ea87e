package splunkd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// App is the app in whose context everything lies.
const App = "tclookup"

// shared is the namespace of what belongs to the app and to nobody.
const shared = "/servicesNS/nobody/" + App

// Passwords returns the stored passwords of exactly one realm, by name. One
// that splunkd does not show in clear text is empty. Splunk's capability for
// it is list_storage_passwords.
func (c *Client) Passwords(ctx context.Context, realm string) (map[string]string, error) {
	var list struct {
		Entry []struct {
			Content struct {
				Realm    string `json:"realm"`
				Username string `json:"username"`
				Clear    string `json:"clear_password"`
			} `json:"content"`
		} `json:"entry"`
	}
	err := c.JSON(ctx, Request{
		Path: shared + "/storage/passwords", Query: url.Values{"count": {"0"}, "search": {"realm=" + realm}},
	}, &list)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range list.Entry {
		// The search above is a filter of splunkd's; that it is exact is seen to here.
		if e.Content.Realm == realm && e.Content.Username != "" {
			out[e.Content.Username] = e.Content.Clear
		}
	}
	return out, nil
}

// User is who a token belongs to.
type User struct {
	Name         string   `json:"username"`
	Roles        []string `json:"roles"`
	Capabilities []string `json:"capabilities"`
}

// Can reports whether the user has a capability.
func (u *User) Can(capability string) bool { return slices.Contains(u.Capabilities, capability) }

// CurrentUser returns who the token belongs to.
func (c *Client) CurrentUser(ctx context.Context) (*User, error) {
	var list struct {
		Entry []struct {
			Content User `json:"content"`
		} `json:"entry"`
	}
	const path = "/services/authentication/current-context"
	if err := c.JSON(ctx, Request{Path: path}, &list); err != nil {
		return nil, err
	}
	if len(list.Entry) != 1 || list.Entry[0].Content.Name == "" {
		return nil, fmt.Errorf("splunkd: GET %s: the answer names no user", path)
	}
	return &list.Entry[0].Content, nil
}

// ServerRoles returns what this splunkd is, such as search_head and
// shc_member.
func (c *Client) ServerRoles(ctx context.Context) ([]string, error) {
	var list struct {
		Entry []struct {
			Content struct {
				Roles []string `json:"server_roles"`
			} `json:"content"`
		} `json:"entry"`
	}
	if err := c.JSON(ctx, Request{Path: "/services/server/info"}, &list); err != nil {
		return nil, err
	}
	var out []string
	for _, e := range list.Entry {
		out = append(out, e.Content.Roles...)
	}
	return out, nil
}

// Place says where lines are indexed; what is empty splunkd chooses.
type Place struct{ Index, Source, Sourcetype, Host string }

// Receive has splunkd index body, whose lines the source type divides into
// events.
func (c *Client) Receive(ctx context.Context, p Place, body []byte) error {
	q := url.Values{}
	for k, v := range map[string]string{"index": p.Index, "source": p.Source, "sourcetype": p.Sourcetype, "host": p.Host} {
		if v != "" {
			q.Set(k, v)
		}
	}
	_, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/services/receivers/simple", Query: q, Body: body, ContentType: "text/plain; charset=utf-8"})
	return err
}

// The bounds of one batch_save: splunkd refuses more than 1,000 documents
// (limits.conf, max_documents_per_batch_save) and 50 MB
// (max_size_per_batch_save_mb).
const (
	batchDocuments = 500
	batchBytes     = 8 << 20
)

func collection(name string) string {
	return shared + "/storage/collections/data/" + url.PathEscape(name)
}

// Save writes documents into a collection of the KV store, over those of the
// same _key. It returns how many are written.
func (c *Client) Save(ctx context.Context, name string, docs []json.RawMessage) (saved int, err error) {
	for len(docs) > 0 {
		body := []byte{'['}
		n := 0
		for n < len(docs) && n < batchDocuments && (n == 0 || len(body)+len(docs[n]) < batchBytes) {
			if n > 0 {
				body = append(body, ',')
			}
			body = append(body, docs[n]...)
			n++
		}
		body = append(body, ']')
		if _, err := c.Do(ctx, Request{Path: collection(name) + "/batch_save", Body: body, ContentType: "application/json"}); err != nil {
			return saved, err
		}
		saved += n
		docs = docs[n:]
	}
	return saved, nil
}

// Insert writes a new document. One of the same _key is an ErrConflict.
func (c *Client) Insert(ctx context.Context, name string, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, Request{Path: collection(name), Body: body, ContentType: "application/json"})
	return err
}

// Replace writes over the document of that key.
func (c *Client) Replace(ctx context.Context, name, key string, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, Request{Path: collection(name) + "/" + url.PathEscape(key), Body: body, ContentType: "application/json"})
	return err
}

// Get reads the document of that key into v.
func (c *Client) Get(ctx context.Context, name, key string, v any) error {
	return c.JSON(ctx, Request{Path: collection(name) + "/" + url.PathEscape(key)}, v)
}

// Delete deletes the documents that a query in MongoDB's form selects.
func (c *Client) Delete(ctx context.Context, name string, query any) error {
	q, err := json.Marshal(query)
	if err != nil {
		return err
	}
	if s := strings.TrimSpace(string(q)); s == "null" || s == "{}" {
		return fmt.Errorf("splunkd: a delete without a query would empty the collection %s", name)
	}
	_, err = c.Do(ctx, Request{Method: http.MethodDelete, Path: collection(name), Query: url.Values{"query": {string(q)}}})
	return err
}
