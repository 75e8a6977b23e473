package project

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// configured is what a config.exs says of one repo.
func configured(t testing.TB, src string) (*configuration, Settings) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/config/config.exs", src)
	o := &opening{dir: dir, privs: map[*Repo]string{}, missing: map[string]bool{}}
	c := newConfiguration(o, "prod")
	c.read("config/config.exs", nil)
	return c, c.settings("a", "A.Repo")
}

func TestSettings(t *testing.T) {
	for src, change := range map[string]func(*Settings){
		``:                                  func(*Settings) {},
		`migration_lock: nil`:               func(s *Settings) { s.Lock = NoLock },
		`migration_lock: false`:             func(s *Settings) { s.Lock = NoLock },
		`migration_lock: true`:              func(*Settings) {},
		`migration_lock: some(thing)`:       func(*Settings) {},
		`migration_lock: :pg_advisory_lock`: func(s *Settings) { s.Lock = AdvisoryLock },
		`migration_lock: System.get_env("L") || :pg_advisory_lock`:                              func(s *Settings) { s.Lock = AdvisoryLock },
		`migration_lock: if(config_env() in [:dev, :test], do: false, else: :pg_advisory_lock)`: func(s *Settings) { s.Lock = AdvisoryLock },
		`migration_lock: if(config_env() != :prod and true, do: false)`:                         func(s *Settings) { s.Lock = NoLock }, // nil
		`migration_source: "v", migration_repo: A.Other, migration_default_prefix: :tenants`: func(s *Settings) {
			s.Source, s.MigrationRepo, s.Prefix = "v", "A.Other", "tenants"
		},
		`migration_primary_key: false`: func(s *Settings) { s.PrimaryKey.Disabled = true },
		`migration_primary_key: [type: :serial]`: func(s *Settings) {
			s.PrimaryKey.EctoType, s.ForeignKey.EctoType = "serial", "integer"
		},
		`migration_primary_key: [type: :uuid, default: {:fragment, "uuidv7()"}], migration_foreign_key: [column: :uuid]`: func(s *Settings) {
			s.PrimaryKey.EctoType, s.PrimaryKey.Default = "uuid", "uuidv7()"
			s.ForeignKey = Key{Name: "uuid", EctoType: "uuid"}
		},
		`migration_foreign_key: [type: :integer]`: func(s *Settings) { s.ForeignKey.EctoType = "integer" },
		`migration_timestamps: [type: :timestamptz, updated_at: false, null: true, default: {:fragment, "now()"}]`: func(s *Settings) {
			s.Timestamps = Timestamps{EctoType: "timestamptz", InsertedAt: "inserted_at", Default: "now()", Nullable: true}
		},
		`parameters: [lock_timeout: "5s", statement_timeout: "1min"]`:                                          func(s *Settings) { s.LockTimeout = "5s" },
		`parameters: [lock_timeout: 5_000]`:                                                                    func(s *Settings) { s.LockTimeout = "5000" },
		`parameters: [lock_timeout: "0"]`:                                                                      func(*Settings) {},
		`after_connect: {Postgrex, :query!, ["SET lock_timeout TO '1min'; SET x = 1", []]}`:                    func(s *Settings) { s.LockTimeout = "1min" },
		`after_connect: &Postgrex.query!(&1, "set session lock_timeout=300ms", [])`:                            func(s *Settings) { s.LockTimeout = "300ms" },
		`after_connect: {Postgrex, :query!, ["SET statement_timeout TO '5s'", []]}`:                            func(*Settings) {},
		`unknown: 1, migration_lock: false, migration_lock: :pg_advisory_lock, "quoted key": "x", y: ~w(a b)a`: func(s *Settings) { s.Lock = AdvisoryLock },
	} {
		t.Run(src, func(t *testing.T) {
			_, got := configured(t, "import Config\nconfig :a, A.Repo, ["+src+"]")
			want := DefaultSettings()
			change(&want)
			got.LockSet, got.LockFile = want.LockSet, ""
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("settings (-want +got):\n%s", d)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	for name, tt := range map[string]struct {
		src  string
		want Lock
		note string // a part of one
	}{
		"the last one counts":         {"config :a, A.Repo, migration_lock: false\nconfig :a, A.Repo, migration_lock: :pg_advisory_lock", AdvisoryLock, ""},
		"a later unknown does not":    {"config :a, A.Repo, migration_lock: false\nconfig :a, A.Repo, migration_lock: f()", NoLock, "can be said otherwise"},
		"unknown alone":               {"config :a, A.Repo, migration_lock: f()", TableLock, "only known when the application runs"},
		"perhaps":                     {"if f() do\n  config :a, A.Repo, migration_lock: false\nend", TableLock, "only known when the application runs"},
		"perhaps after what is known": {"config :a, A.Repo, migration_lock: false\nunless f() do\n  config :a, A.Repo, migration_lock: true\nend", NoLock, "can be said otherwise"},
		"another environment":         {"if Mix.env() == :dev, do: config(:a, A.Repo, migration_lock: false)", TableLock, ""},
		"else":                        {"if config_env() == :dev do\n  1\nelse\n  config :a, A.Repo, migration_lock: false\nend", NoLock, ""},
		"unless":                      {"unless config_env() == :dev do\n  config :a, A.Repo, migration_lock: false\nend", NoLock, ""},
		"case":                        {"case config_env() do\n  :dev -> 1\n  env -> config :a, A.Repo, migration_lock: false\nend", NoLock, ""},
		"a variable":                  {"opts = [migration_lock: false]\nconfig :a, A.Repo, opts ++ [x: f()]", NoLock, ""},
		"an alias":                    {"alias A.{Repo, B}\nconfig :a, Repo, migration_lock: false", NoLock, ""},
		"a loop":                      {"for {_, x} <- y, do: 1\nfor r <- [A.B, A.Repo] do\n  config :a, r, migration_lock: false\nend", NoLock, ""},
		"three arguments of others":   {"config :b, A.Repo, migration_lock: false\nconfig :a, A.Other, migration_lock: false", TableLock, ""},
		"merged with a whole key":     {"config :a, [{A.Repo, [migration_lock: false]}]\nconfig :a, A.Repo, x: 1", TableLock, ""},
		"itself":                      {"import_config \"config.exs\"\nconfig :a, A.Repo, migration_lock: false", NoLock, ""},
		"a file that is not there":    {"import_config \"secret.exs\"\nconfig :a, A.Repo, migration_lock: false", NoLock, "imports secret.exs, which is not here"},
		"a file that is computed":     {"import_config f()\nconfig :a, A.Repo, migration_lock: false", NoLock, "only known when it runs"},
		"after what is broken":        {"config :a, A.Repo, [x: \ndef y do\nend\n)", TableLock, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			c, got := configured(t, "import Config\n"+tt.src+"\n")
			if got.Lock != tt.want {
				t.Errorf("lock %s, want %s", got.Lock, tt.want)
			}
			var notes []string
			for _, n := range c.open.notes {
				notes = append(notes, n.Text)
			}
			all := strings.Join(notes, "\n")
			if tt.note == "" && all != "" || !strings.Contains(all, tt.note) {
				t.Errorf("notes %q, want %q", all, tt.note)
			}
		})
	}
}

// TestConfigurationEnds goes through files that would grow without end.
func TestConfigurationEnds(t *testing.T) {
	var lists, loops, keywords strings.Builder
	lists.WriteString("x = [1, 2, 3]\nk = [a: 1, b: 2]\n")
	for range 60 {
		lists.WriteString("x = x ++ x\nk = k ++ k\n")
	}
	lists.WriteString("config :a, A.Repo, k\nconfig :a, A.Repo, k\n")
	for n := range 12 {
		fmt.Fprintf(&loops, "for x%d <- [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] do\n", n)
	}
	loops.WriteString("config :a, A.Repo, x: 1\n" + strings.Repeat("end\n", 12))
	keywords.WriteString("x = [a: 1, b: 2, c: 3]\n")
	for range 60 {
		keywords.WriteString("x = [a: x, b: x, c: x]\n")
	}
	keywords.WriteString("config :a, A.Repo, x\nconfig :a, A.Repo, x\n")
	for name, src := range map[string]string{"lists": lists.String(), "loops": loops.String(), "keywords": keywords.String()} {
		t.Run(name, func(t *testing.T) { configured(t, src) })
	}
}

func TestDumped(t *testing.T) {
	for src, want := range map[string][]int64{
		"": nil,
		"INSERT INTO public.\"schema_migrations\" (version) VALUES (2);\nINSERT INTO schema_migrations (version, inserted_at) VALUES (1, '2020-01-01');": {1, 2},
		"insert into \"x\".\"schema_migrations\" (version) values ('3'), (4)\n, (5);\nINSERT INTO other (version) VALUES (6);":                           {3, 4, 5},
		"COPY public.schema_migrations (version, inserted_at) FROM stdin;\n7\t2020\n8\t2021\n\\.\n9\n":                                                   {7, 8},
		"INSERT INTO schema_migrations_old (version) VALUES (1);":                                                                                        nil,
		"INSERT INTO schema_migrations (version) VALUES (1), (1);":                                                                                       {1},
	} {
		got, err := dumped(strings.NewReader(src), "schema_migrations")
		if d := cmp.Diff(want, got); err != nil || d != "" && len(want)+len(got) > 0 {
			t.Errorf("%q: %v\n%s", src, err, d)
		}
	}
}

func FuzzConfiguration(f *testing.F) {
	for _, src := range []string{
		"config :a, A.Repo, migration_lock: false",
		"x = [a: 1]\nconfig :a, A.Repo, x ++ [migration_primary_key: [type: :uuid]]",
		"if config_env() == :prod do\nconfig :a, [ecto_repos: [A.Repo]]\nelse\nimport_config \"#{Mix.env()}.exs\"\nend",
		"for r <- [A, B], do: config(:a, r, ~w(a b)a)\nEnum.each([1], fn x -> config :a, x, y: &1 end)",
		"case x do\n a when b -> 1\n :prod -> alias A.{B, C}, as: D\nend\ncond do true -> config(1, 2) end",
		"import Config\nalias A\nalias\nconfig\nconfig :a\n= 1\n@x 1\nconfig :a, @x, {:fragment, 1}",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		c, s := configured(t, src)
		if s.Lock != TableLock && s.Lock != AdvisoryLock && s.Lock != NoLock {
			t.Errorf("lock %q", s.Lock)
		}
		c.open.configured(c)
		for _, n := range c.open.notes {
			if n.Text == "" || n.Code == "" || n.At.Line < 0 {
				t.Errorf("note %+v", n)
			}
		}
	})
}

func FuzzDumped(f *testing.F) {
	f.Add("INSERT INTO public.\"v\" (version) VALUES (1), (2);", "v")
	f.Add("COPY v (version) FROM stdin;\n1\n\\.\n", "v")
	f.Fuzz(func(t *testing.T, src, table string) {
		got, err := dumped(strings.NewReader(src), table)
		for i, v := range got {
			if v < 0 || i > 0 && got[i-1] >= v {
				t.Errorf("versions %v, %v", got, err)
			}
		}
	})
}
