package project

import (
	"fmt"
	"regexp"
	"strings"
)

// settings is what a repo's configuration says about migrations, on top of Ecto's defaults.
func (c *configuration) settings(app, repo string) Settings {
	s := DefaultSettings()
	v := c.values[app][repo]
	for _, p := range v.pairs {
		read, ok := settingReaders[p.key]
		switch {
		case !ok:
		case p.value.kind == unknown, p.value.maybe:
			c.note(p.value.file, p.value.at, "config-unknown",
				p.key+" of "+repo+" is only known when the application runs: Ecto's default is taken")
		default:
			read(&s, p.value)
			if p.value.guess {
				c.note(p.value.file, p.value.at, "config-unknown",
					p.key+" of "+repo+" can be said otherwise when the application runs: what the file says is taken")
			}
		}
	}
	if _, ok := v.get("migration_foreign_key"); !ok || s.ForeignKey.EctoType == "" {
		s.ForeignKey.EctoType = referenceType(s.PrimaryKey)
	}
	s.LockTimeout = lockTimeout(v)
	return s
}

// settingReaders are the keys of a repo's configuration that are about migrations
// (https://hexdocs.pm/ecto_sql/Ecto.Migration.html#module-repo-configuration).
var settingReaders = map[string]func(*Settings, value){
	"migration_lock": func(s *Settings, v value) {
		s.LockSet, s.LockFile = v.at, v.file
		switch {
		case v.isAtom("pg_advisory_lock"):
			s.Lock = AdvisoryLock
		case v.isAtom("false"), v.isAtom("nil"):
			s.Lock = NoLock
		default:
			s.Lock = TableLock
		}
	},
	"migration_source":         func(s *Settings, v value) { setStr(&s.Source, v) },
	"migration_default_prefix": func(s *Settings, v value) { setStr(&s.Prefix, v) },
	"migration_repo": func(s *Settings, v value) {
		if v.kind == module {
			s.MigrationRepo = v.text
		}
	},
	"migration_primary_key": func(s *Settings, v value) { setKey(&s.PrimaryKey, v, "name") },
	"migration_foreign_key": func(s *Settings, v value) {
		s.ForeignKey.EctoType = ""
		setKey(&s.ForeignKey, v, "column")
	},
	"migration_timestamps": func(s *Settings, v value) {
		t := &s.Timestamps
		for _, p := range v.pairs {
			switch p.key {
			case "type":
				setStr(&t.EctoType, p.value)
			case "inserted_at":
				setColumn(&t.InsertedAt, p.value)
			case "updated_at":
				setColumn(&t.UpdatedAt, p.value)
			case "default":
				t.Default = sqlDefault(p.value)
			case "null":
				t.Nullable = p.value.isAtom("true")
			}
		}
	},
}

func setStr(to *string, v value) {
	if t, ok := v.str(); ok {
		*to = t
	}
}

// setColumn is a column's name, or false for none.
func setColumn(to *string, v value) {
	if v.isAtom("false") {
		*to = ""
		return
	}
	setStr(to, v)
}

func setKey(k *Key, v value, name string) {
	if v.isAtom("false") {
		k.Disabled = true
		return
	}
	for _, p := range v.pairs {
		switch p.key {
		case name:
			setStr(&k.Name, p.value)
		case "type":
			setStr(&k.EctoType, p.value)
		case "default":
			k.Default = sqlDefault(p.value)
		}
	}
}

// referenceType is the type of a column that references a table, where neither the migration nor
// migration_foreign_key says one: that of migration_primary_key, without its sequence.
func referenceType(pk Key) string {
	switch {
	case pk.Disabled, pk.EctoType == "bigserial", pk.EctoType == "identity", pk.EctoType == "id":
		return "bigint"
	case pk.EctoType == "serial":
		return "integer"
	}
	return pk.EctoType
}

// sqlDefault is the SQL of {:fragment, "now()"} or of a literal.
func sqlDefault(v value) string {
	switch {
	case v.kind == tuple && len(v.items) == 2 && v.items[0].isAtom("fragment"):
		return v.items[1].text
	case v.kind == text:
		return "'" + strings.ReplaceAll(v.text, "'", "''") + "'"
	case v.kind == number, v.isAtom("true"), v.isAtom("false"):
		return v.text
	}
	return ""
}

var setsLockTimeout = regexp.MustCompile(`(?i)\bset\s+(?:session\s+)?lock_timeout\s*(?:=|\bto\b)\s*'?\s*([0-9]+\s*[a-z]*)`)

// lockTimeout is what every connection of a repo starts with: parameters: [lock_timeout: …], or after_connect with a
// SET. A timeout of 0 is none.
func lockTimeout(repo value) string {
	out := ""
	if parameters, ok := repo.get("parameters"); ok && !parameters.maybe {
		if v, ok := parameters.get("lock_timeout"); ok && (v.kind == text || v.kind == number) && !v.maybe {
			out = v.text
		}
	}
	if after, ok := repo.get("after_connect"); ok && !after.maybe {
		if m := setsLockTimeout.FindStringSubmatch(after.allText(0)); m != nil {
			out = strings.TrimSpace(m[1])
		}
	}
	if strings.Trim(out, "0 mshind") == "" {
		return ""
	}
	return out
}

// allText is all texts in a value, and the source of what is not known in it.
func (v value) allText(depth int) string {
	if depth > 4 {
		return ""
	}
	var b strings.Builder
	if v.kind == text || v.kind == unknown {
		fmt.Fprintln(&b, v.text)
	}
	for _, x := range v.items {
		b.WriteString(x.allText(depth + 1))
	}
	return b.String()
}
