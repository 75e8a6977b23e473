package postgres

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"ops-console/ops/config"
	"ops-console/ops/postgres/conninfo"
)

const (
	defaultUser     = "postgres"
	defaultDatabase = "postgres"
	// maxSecretFile bounds what is read of a file with a connection string.
	maxSecretFile = 64 << 10
)

// login is what the user's configuration says of the database: who to log in as, and where the primary is.
type login struct {
	settings  conninfo.Settings // of the primary; host and port where they are known
	passwords []conninfo.Password
	note      string // what is wrong with the password file; empty: nothing
}

// readLogin puts the connection settings together. From the strongest: database.name and .user, .password_env, .url,
// .url_env, .url_file, .service. Of the PG… variables only PGPASSWORD, PGPASSFILE and PGSERVICEFILE count: the others
// would change in silence which server is asked.
func readLogin(d config.Database, getenv func(string) string) (login, error) {
	l := login{settings: conninfo.Settings{}}
	for _, read := range []func(config.Database, func(string) string) (conninfo.Settings, error){
		serviceSettings, fileSettings, variableSettings, givenSettings,
	} {
		s, err := read(d, getenv)
		if err != nil {
			return l, err
		}
		l.settings = overlaid(s, l.settings)
	}
	l.settings = overlaid(conninfo.Settings{"user": d.User, "dbname": d.Name}, l.settings)
	if d.Password != "" {
		p := getenv(d.Password)
		if p == "" {
			return l, misconfigured("$%s, which database.password_env names, is not set", d.Password)
		}
		l.settings["password"] = p
	}
	if l.settings["password"] == "" {
		l.settings["password"] = getenv("PGPASSWORD")
	}
	fill(l.settings, "user", defaultUser)
	fill(l.settings, "dbname", defaultDatabase)
	l.readPasswords(getenv)
	return l, nil
}

func fill(s conninfo.Settings, key, value string) {
	if s[key] == "" {
		s[key] = value
	}
}

// overlaid is what s says on top of base. A password belongs to its user: that of base does not go to another.
func overlaid(s, base conninfo.Settings) conninfo.Settings {
	said := conninfo.Settings{}
	for k, v := range s {
		if v != "" {
			said[k] = v
		}
	}
	out := said.Over(base)
	if base["user"] != "" && out["user"] != base["user"] && said["password"] == "" {
		delete(out, "password")
	}
	if said["host"] != "" && said["port"] == "" && strings.Contains(base["port"], ",") {
		delete(out, "port") // a list that went with other hosts
	}
	return out
}

func givenSettings(d config.Database, _ func(string) string) (conninfo.Settings, error) {
	return parsed("database.url", d.URL.Reveal())
}

func variableSettings(d config.Database, getenv func(string) string) (conninfo.Settings, error) {
	if d.URLEnv == "" {
		return nil, nil
	}
	s := getenv(d.URLEnv)
	if s == "" {
		return nil, misconfigured("$%s, which database.url_env names, is not set", d.URLEnv)
	}
	return parsed("$"+d.URLEnv, s)
}

func fileSettings(d config.Database, _ func(string) string) (conninfo.Settings, error) {
	if d.URLFile == "" {
		return nil, nil
	}
	fi, err := os.Stat(d.URLFile)
	switch {
	case err != nil:
		return nil, misconfigured("database.url_file: %w", err)
	case !fi.Mode().IsRegular() || fi.Size() > maxSecretFile:
		return nil, misconfigured("database.url_file: %s is not a file with a connection string", d.URLFile)
	}
	b, err := os.ReadFile(d.URLFile)
	if err != nil {
		return nil, misconfigured("database.url_file: %w", err)
	}
	s, err := parsed(d.URLFile, string(b))
	if err == nil && s.Secret() && fi.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, misconfigured("%s holds a password but may be read by others (mode %04o): run chmod 600 %s", d.URLFile, fi.Mode().Perm(), d.URLFile)
	}
	return s, err
}

func serviceSettings(d config.Database, getenv func(string) string) (conninfo.Settings, error) {
	if d.Service == "" {
		return nil, nil
	}
	path := getenv("PGSERVICEFILE")
	if path == "" {
		path = filepath.Join(getenv("HOME"), ".pg_service.conf")
	}
	s, err := conninfo.ReadService(path, d.Service)
	if err != nil {
		return nil, misconfigured("database.service: %w", err)
	}
	return s, nil
}

// parsed reads a connection string; where says in errors where it stands.
func parsed(where, s string) (conninfo.Settings, error) {
	c, err := conninfo.Parse(s)
	if err != nil {
		return nil, misconfigured("%s is not a connection string: %w", where, err)
	}
	return c, nil
}

// readPasswords reads the password file. That there is none is no news.
func (l *login) readPasswords(getenv func(string) string) {
	path := l.settings["passfile"]
	if path == "" {
		path = getenv("PGPASSFILE")
	}
	if path == "" {
		if getenv("HOME") == "" {
			return
		}
		path = filepath.Join(getenv("HOME"), ".pgpass")
	}
	var err error
	l.passwords, err = conninfo.ReadPasswords(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.note = err.Error()
	}
}

// node makes the node of one host of settings. names are the host's other names, for the password file.
func (l login) node(s conninfo.Settings, h conninfo.Host, via string, names ...conninfo.Host) (Node, error) {
	t := target{host: h, settings: s, via: via}
	if s["password"] == "" {
		if p, ok := conninfo.Find(l.passwords, append([]conninfo.Host{h}, names...), s["dbname"], s["user"]); ok {
			t.settings = conninfo.Settings{"password": p}.Over(s)
		}
	}
	n, err := t.node()
	if l.note != "" && t.settings["password"] == "" {
		n.Notes = append(n.Notes, l.note)
	}
	return n, err
}
