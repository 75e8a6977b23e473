package lint

import (
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lower"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/schema"
)

func at(s string) time.Time {
	t, err := time.Parse(time.DateTime, s)
	if err != nil {
		panic(err)
	}
	return t
}

// inputOf is migrations by file name, and a database in which all before 2024-02 ran.
func inputOf(files map[string]string) Input {
	in := Input{
		Repo:    project.Repo{Module: "Demo.Repo", App: "demo", Root: ".", Dirs: []string{"priv/repo/migrations"}, Settings: project.DefaultSettings()},
		Sources: map[string][]byte{}, Options: Options{Severity: map[string]Severity{"missing-lock-timeout": Off}},
	}
	rows, bytes := int64(2_000_000), int64(410_000_000)
	state := &schema.State{Complete: true}
	state.Add(&schema.Table{Name: ecto.Name{Name: "posts"}, Rows: &rows, Bytes: &bytes})
	in.Live = &catalog.Snapshot{At: at("2024-03-01 12:00:00"), Version: 150004, State: state, TimeZone: "UTC"}
	for name, body := range files {
		digits, rest, _ := strings.Cut(name, "_")
		var version int64
		for _, d := range digits {
			version = version*10 + int64(d-'0')
		}
		f := project.File{Path: "priv/repo/migrations/" + name, Version: version, Name: strings.TrimSuffix(rest, ".exs")}
		src := []byte("defmodule Demo.Repo.Migrations.M" + digits + " do\n  use Ecto.Migration\n\n  def change do\n" + body + "\n  end\nend\n")
		in.Sources[f.Path] = src
		in.Migrations = append(in.Migrations, lower.Migration(f, src, in.Repo.Settings))
		if digits < "20240201000000" {
			in.Live.Applied = append(in.Live.Applied, catalog.Applied{Version: version, InsertedAt: at("2024-01-31 08:00:00")})
		}
	}
	slices.SortFunc(in.Migrations, func(a, b ecto.Migration) int { return int(min(max(a.Version-b.Version, -1), 1)) })
	return in
}

const (
	addBody   = "    alter table(:posts) do\n      add :body, :text\n    end"
	addRandom = "    alter table(:posts) do\n      add :key, :uuid, default: fragment(\"gen_random_uuid()\")\n    end"
	build     = "    create index(:posts, [:title])"
)

// TestLiveRules has a database say what makes each of them fire, and what does not.
func TestLiveRules(t *testing.T) {
	posts := ecto.Name{Name: "posts"}
	lag := func(d time.Duration) func(*Input) { return func(in *Input) { in.Live.Lag = &d } }
	free := func(n int64) func(*Input) { return func(in *Input) { in.Live.FreeBytes = &n } }
	active := func(a catalog.Activity) func(*Input) {
		return func(in *Input) { in.Live.Activity = []catalog.Activity{a} }
	}
	const ran, pending = "20240101000000_a.exs", "20240301000000_b.exs"
	cases := []struct {
		name  string
		files map[string]string
		live  func(*Input)
		want  []string // rule, severity, and the beginning of the text
	}{
		{
			"out of order",
			map[string]string{ran: "", "20231201000000_late.exs": ""},
			func(in *Input) {
				in.Live.Applied = []catalog.Applied{{Version: 20240101000000, InsertedAt: at("2024-01-31 08:00:00")}}
			},
			[]string{"out-of-order warning 20231201000000 is pending though 20240101000000 ran already"},
		},
		{
			"strict order",
			map[string]string{ran: "", "20231201000000_late.exs": ""},
			func(in *Input) {
				in.Live.Applied = []catalog.Applied{{Version: 20240101000000, InsertedAt: at("2024-01-31 08:00:00")}}
				in.Repo.Settings.StrictVersionOrder = true
			},
			[]string{"out-of-order error 20231201000000 is pending"},
		},
		{"in order", map[string]string{ran: "", pending: ""}, nil, nil},
		{
			"file not found",
			map[string]string{ran: ""},
			func(in *Input) {
				in.Live.Applied = append(in.Live.Applied, catalog.Applied{Version: 20240115000000, InsertedAt: at("2024-01-15 08:00:00")})
			},
			[]string{"file-not-found warning 20240115000000 ran at 2024-01-15 08:00:00"},
		},
		{
			"in the structure dump",
			map[string]string{ran: ""},
			func(in *Input) {
				in.Live.Applied = append(in.Live.Applied, catalog.Applied{Version: 20240115000000})
				in.Repo.Dumped = []int64{20240115000000}
			},
			nil,
		},
		{
			"many files not found",
			map[string]string{ran: ""},
			func(in *Input) {
				for v := range int64(9) {
					in.Live.Applied = append(in.Live.Applied, catalog.Applied{Version: 20230115000000 + v})
				}
			},
			[]string{"file-not-found warning 9 migrations ran of which there is no file, from 20230115000000 to 20230115000008"},
		},
		{
			"edited",
			map[string]string{ran: ""},
			func(in *Input) {
				in.Changed = map[string]time.Time{"priv/repo/migrations/" + ran: at("2024-02-10 08:00:00")}
			},
			[]string{"edited-after-applied warning it ran at 2024-01-31 08:00:00 and its file changed at 2024-02-10 08:00:00"},
		},
		{
			"not edited since",
			map[string]string{ran: ""},
			func(in *Input) {
				in.Changed = map[string]time.Time{"priv/repo/migrations/" + ran: at("2024-01-10 08:00:00")}
			},
			nil,
		},
		{
			"invalid index",
			map[string]string{ran: ""},
			func(in *Input) {
				in.Live.State.Table(posts).Indexes = []schema.Index{{Name: "posts_title_index", Invalid: true}, {Name: "other"}}
			},
			[]string{"invalid-index warning index posts_title_index of posts is invalid"},
		},
		{
			"long transaction",
			map[string]string{pending: addBody},
			active(catalog.Activity{PID: 77, Kind: "client backend", State: "idle in transaction", Since: at("2024-03-01 11:50:00"), Tables: []ecto.Name{posts}, Mode: "ACCESS SHARE"}),
			[]string{"long-tx-on-table error client backend 77 has held a transaction open for 10m0s: add column body would wait for it, and all reads and writes of posts behind it"},
		},
		{
			"short transaction",
			map[string]string{pending: addBody},
			active(catalog.Activity{PID: 77, Kind: "client backend", Since: at("2024-03-01 11:59:57"), Tables: []ecto.Name{posts}, Mode: "ACCESS SHARE"}),
			[]string{"long-tx-on-table warning client backend 77 has held a transaction open for 3s"},
		},
		{
			"transaction elsewhere",
			map[string]string{pending: addBody},
			active(catalog.Activity{PID: 77, Since: at("2024-03-01 11:50:00"), Tables: []ecto.Name{{Name: "users"}}, Mode: "ROW EXCLUSIVE"}),
			nil,
		},
		{
			"a migration that ran waits for nobody",
			map[string]string{ran: addBody},
			active(catalog.Activity{PID: 77, Since: at("2024-03-01 11:50:00"), Tables: []ecto.Name{posts}, Mode: "ACCESS SHARE"}),
			nil,
		},
		{
			"wraparound now",
			map[string]string{pending: addBody},
			active(catalog.Activity{PID: 78, Kind: "autovacuum worker", Prevent: true, Tables: []ecto.Name{posts}, Mode: "SHARE UPDATE EXCLUSIVE"}),
			[]string{"autovacuum-wraparound error autovacuum 78 works on posts to prevent wraparound"},
		},
		{
			"wraparound soon",
			map[string]string{pending: addBody},
			func(in *Input) { in.Live.Wraparound = []ecto.Name{posts} },
			[]string{"autovacuum-wraparound warning posts is about to be vacuumed"},
		},
		{
			"wraparound elsewhere",
			map[string]string{pending: addBody},
			func(in *Input) { in.Live.Wraparound = []ecto.Name{{Name: "users"}} },
			nil,
		},
		{"behind and a rewrite", map[string]string{pending: addRandom}, lag(time.Minute), []string{"replica-lag warning a replica is 1m0s behind already, and add column key sends it all of posts (2.0 M rows, 410 MB) to write"}},
		{"behind and nothing to write", map[string]string{pending: addBody}, lag(time.Minute), nil},
		{"not behind", map[string]string{pending: addRandom}, lag(time.Second), nil},
		{"no room", map[string]string{pending: addRandom}, free(300_000_000), []string{"disk-headroom error 300 MB are free and posts has 410 MB: writing it again with its WAL may need 820 MB"}},
		{"little room", map[string]string{pending: addRandom}, free(500_000_000), []string{"disk-headroom warning 500 MB are free"}},
		{"room", map[string]string{pending: addRandom}, free(5_000_000_000), nil},
		{"room for an index", map[string]string{pending: build}, free(500_000_000), nil},
		{"no room for an index", map[string]string{pending: build}, free(100_000_000), []string{"disk-headroom error 100 MB are free and posts has 410 MB: building its index"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := inputOf(c.files)
			if c.live != nil {
				c.live(&in)
			}
			res, err := Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range res.Findings {
				sound(t, f)
				if r, _ := Find(f.Rule); r.Group == "live" {
					got = append(got, f.Rule+" "+f.Severity.String()+" "+f.Text)
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("got %q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

func TestFilesThatEctoIgnores(t *testing.T) {
	in := inputOf(nil)
	in.Repo.Skipped = []project.Note{{Path: "priv/repo/migrations/add_posts.exs", Note: ecto.Note{Code: "no-version", Text: "the name does not begin with a version and _: Ecto ignores the file"}}}
	res, err := Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff([]string{"add_posts.exs:1: filename error"}, found(res.Findings)); d != "" {
		t.Error(d)
	}
}

// TestTwoBusyTablesInOneTransaction: only a database can say that they are.
func TestTwoBusyTablesInOneTransaction(t *testing.T) {
	in := inputOf(map[string]string{"20240301000000_b.exs": addBody + "\n    alter table(:users) do\n      add :bio, :text\n    end"})
	in.Live.State.Add(&schema.Table{Name: ecto.Name{Name: "users"}})
	for _, busy := range []float64{0.1, 40} {
		in.Live.Traffic = map[ecto.Name]catalog.Traffic{{Name: "posts"}: {Reads: busy}, {Name: "users"}: {Writes: busy}}
		res, err := Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		if busy > 1 {
			want = []string{"20240301000000_b.exs:9: work-after-exclusive-lock warning"}
		}
		if d := gocmp.Diff(want, found(res.Findings)); d != "" {
			t.Errorf("%v reads a second: %s", busy, d)
		}
	}
}

func TestStatuses(t *testing.T) {
	in := inputOf(map[string]string{"20240101000000_a.exs": "", "20240110000000_b.exs": "", "20240301000000_c.exs": ""})
	ran := at("2024-01-31 08:00:00")
	in.Live.Applied = []catalog.Applied{{Version: 20240110000000, InsertedAt: ran}, {Version: 20231201000000, InsertedAt: ran}, {Version: 20230101000000, InsertedAt: ran}}
	in.Repo.Dumped = []int64{20230101000000}
	const dir = "priv/repo/migrations/"
	want := []Status{
		{Version: 20230101000000, State: Up, InsertedAt: ran, Dumped: true},
		{Version: 20231201000000, State: FileNotFound, InsertedAt: ran},
		{Version: 20240101000000, Path: dir + "20240101000000_a.exs", Name: "a", State: OutOfOrder},
		{Version: 20240110000000, Path: dir + "20240110000000_b.exs", Name: "b", State: Up, InsertedAt: ran},
		{Version: 20240301000000, Path: dir + "20240301000000_c.exs", Name: "c", State: Down},
	}
	if d := gocmp.Diff(want, Statuses(in)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	in.Live.Applied, in.Live.Missing = nil, true
	for _, s := range Statuses(in) {
		if s.State != Down {
			t.Errorf("without a table of versions %d is %s", s.Version, s.State)
		}
	}
	in.Repo.Tenant = true
	for _, s := range Statuses(in) {
		if s.State != "" {
			t.Errorf("of a tenants' repo, whose versions another schema has, %d is %s", s.Version, s.State)
		}
	}
	in.Repo.Tenant = false
	in.Live = nil
	for _, s := range Statuses(in) {
		if s.State != "" {
			t.Errorf("without a database %d is %s", s.Version, s.State)
		}
	}
}

// TestATenantsMigrationKnowsNothingOfTheDatabase: its tables and versions are in each tenant's schema.
func TestATenantsMigrationKnowsNothingOfTheDatabase(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*Input)
	}{
		{"a tenants' repo", func(in *Input) { in.Repo.Tenant = true }},
		{"versions that cannot be read", func(in *Input) { in.Live.Unread = "permission denied" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := inputFrom(migrationOf("A", "create index(:posts, [:a])"), migrationOf("B", "alter table(:posts) do", "  add :b, :text", "end"))
			state := &schema.State{Complete: true}
			rows, bytes := int64(10), int64(8192)
			state.Add(&schema.Table{Name: ecto.Name{Name: "posts"}, Rows: &rows, Bytes: &bytes})
			in.Live = &catalog.Snapshot{Version: 160004, State: state, LockTimeout: "1s", Applied: []catalog.Applied{{Version: in.Migrations[1].Version}}}
			tt.set(&in)
			res := mustRun(t, in)
			for _, f := range res.Findings {
				if f.Rule == "out-of-order" || f.Rule == "file-not-found" {
					t.Errorf("%s: %s", f.Rule, f.Text)
				}
				if f.Rule == "index-not-concurrent" && in.Repo.Tenant && f.Severity != Error {
					t.Errorf("a table of the database's own has a say on a tenant's: %s %v", f.Severity, f.Why)
				}
			}
			if len(res.Findings) == 0 {
				t.Error("nothing was found")
			}
		})
	}
}
