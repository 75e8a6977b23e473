package config

import (
	"fmt"
	"strings"
	"time"

	"ops-console/ops/config/tomlfile"
	"ops-console/ops/postgres/conninfo"
)

// Database says where the application's PostgreSQL is. The zero value says that it is not known.
type Database struct {
	App      string     // a Fly Postgres app: its machines are the nodes
	URL      ConnString // of the primary
	URLEnv   string     // name of an environment variable with that
	URLFile  string     // a file with nothing but that in it, 0600
	Service  string     // name in the user's pg_service.conf
	Name     string     // database to connect to
	User     string
	Password string // name of an environment variable; empty: PGPASSWORD, PGPASSFILE, ~/.pgpass
	Replicas []DatabaseNode
	Via      string        // auto, network or direct
	Poll     string        // auto, always, or pane: only while somebody looks
	Warn     time.Duration // lag that is a warning
	Critical time.Duration // lag at which rpc_and_wait of fly_postgres raises
}

// DatabaseNode is a replica that is configured by hand.
type DatabaseNode struct {
	Name   string
	Region string
	URL    ConnString // as Database.URL; what it leaves out is the primary's
	URLEnv string
}

// Known says whether there is anything to go by.
func (d Database) Known() bool {
	return d.App != "" || d.URL != "" || d.URLEnv != "" || d.URLFile != "" || d.Service != ""
}

// ConnString is a connection string. It may hold a password and does not print itself.
type ConnString string

// Reveal is the connection string itself.
func (c ConnString) Reveal() string { return string(c) }

// String says only whether there is one.
func (c ConnString) String() string {
	if c == "" {
		return ""
	}
	return "[connection string]"
}

// GoString is String.
func (c ConnString) GoString() string { return c.String() }

// MarshalText writes String.
func (c ConnString) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// connWrong says what is wanted instead of s; empty: s is a connection string.
func connWrong(s string) string {
	const want = `a connection string like "postgres://user@host:5432/database"`
	if s == "" {
		return want
	}
	if _, err := conninfo.Parse(s); err != nil {
		return fmt.Sprintf("%s (%v)", want, err)
	}
	return ""
}

func connString(p *Profile, v *tomlfile.Value, _ place) string {
	s, ok := v.Text()
	if !ok {
		return connWrong("")
	}
	if wrong := connWrong(s); wrong != "" {
		return wrong
	}
	p.Database.URL = ConnString(s)
	return ""
}

// connHolds tells whether v is a connection string with a password in it. What cannot be read may have one.
func connHolds(v *tomlfile.Value) bool {
	s, ok := v.Text()
	if !ok {
		return false
	}
	c, err := conninfo.Parse(s)
	return err != nil || c.Secret()
}

func replicasHold(v *tomlfile.Value) bool {
	for _, e := range v.Array {
		if e.Table == nil {
			continue
		}
		if u := e.Table.Values["url"]; u != nil && connHolds(u) {
			return true
		}
	}
	return false
}

const wantReplicas = `a list of tables like [{ name = "lax-1", region = "lax", url_env = "LAX_DATABASE_URL" }]`

func replicas(p *Profile, v *tomlfile.Value, _ place) string {
	if !v.IsArray() {
		return wantReplicas
	}
	out := make([]DatabaseNode, 0, len(v.Array))
	seen := map[string]bool{}
	for _, e := range v.Array {
		n, wrong := replica(e)
		switch {
		case wrong != "":
			return wrong
		case seen[n.Name]:
			return fmt.Sprintf("each with a name of its own (%s is there twice)", n.Name)
		}
		seen[n.Name] = true
		out = append(out, n)
	}
	p.Database.Replicas = out
	return ""
}

func replica(e *tomlfile.Value) (n DatabaseNode, wrong string) {
	if e.Table == nil {
		return n, wantReplicas
	}
	for _, k := range e.Table.Names {
		v := e.Table.Values[k]
		s, ok := v.Text()
		switch k {
		case "name":
			n.Name = s
		case "region":
			n.Region, wrong = s, word(s)
		case "url":
			n.URL, wrong = ConnString(s), connWrong(s)
		case "url_env":
			n.URLEnv, wrong = s, variable(s)
		default:
			return n, fmt.Sprintf("only name, region, url and url_env in each (%s is not known, line %d)", tomlfile.Dotted("", k), v.Line)
		}
		if !ok {
			return n, fmt.Sprintf("texts in each (%s in line %d is none)", k, v.Line)
		}
		if wrong != "" {
			return n, fmt.Sprintf("each with a %s that is %s", k, wrong)
		}
	}
	if wrong := word(n.Name); wrong != "" {
		return n, "each with a name: " + wrong
	}
	if n.URL == "" && n.URLEnv == "" {
		return n, fmt.Sprintf("each with a url or a url_env (%s has neither)", n.Name)
	}
	return n, ""
}

// pgName says what is wanted instead of s as the name of a role or database. PostgreSQL cuts longer ones off.
func pgName(s string) string {
	if s == "" || len(s) > 63 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "a name of at most 63 bytes on one line"
	}
	return ""
}
