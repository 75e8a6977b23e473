package conninfo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in   string
		want Settings
	}{
		{"postgres://", Settings{}},
		{"postgres://db.example.com", Settings{"host": "db.example.com"}},
		{"postgresql://u:p@h:5433/d", Settings{"user": "u", "password": "p", "host": "h", "port": "5433", "dbname": "d"}},
		{"ecto://u:p@h/d?pool_size=10&ssl=true", Settings{"user": "u", "password": "p", "host": "h", "dbname": "d", "pool_size": "10", "ssl": "true"}},
		{"postgres://u%40x:p%2F%3A%25@h/d%20e", Settings{"user": "u@x", "password": "p/:%", "host": "h", "dbname": "d e"}},
		{"postgres://u:a@b@h/d", Settings{"user": "u", "password": "a@b", "host": "h", "dbname": "d"}},
		{"postgres://[fdaa:0:1::3]:5433/d", Settings{"host": "fdaa:0:1::3", "port": "5433", "dbname": "d"}},
		{"postgres://[fdaa:0:1::3]/d", Settings{"host": "fdaa:0:1::3", "dbname": "d"}},
		{"postgres://a,b:5433,[::1]/d", Settings{"host": "a,b,::1", "port": ",5433,", "dbname": "d"}},
		{"postgres:///d?host=/run/postgresql&user=u", Settings{"host": "/run/postgresql", "user": "u", "dbname": "d"}},
		{"postgres://%2Frun%2Fpostgresql/d", Settings{"host": "/run/postgresql", "dbname": "d"}},
		{"postgres://h/d?password=p+q&sslmode=require", Settings{"host": "h", "dbname": "d", "password": "p+q", "sslmode": "require"}},
		{" postgres://h\n", Settings{"host": "h"}},
		{"", Settings{}},
		{"host=h user=u", Settings{"host": "h", "user": "u"}},
		{"host = h  port = 5433", Settings{"host": "h", "port": "5433"}},
		{`password='a b\'c\\' host=h`, Settings{"password": `a b'c\`, "host": "h"}},
		{`password=a\ b host=''`, Settings{"password": "a b"}},
	}
	for _, tt := range tests {
		got, err := Parse(tt.in)
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
		} else if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.in, diff)
		}
	}
}

func TestWhatIsNoConnectionStringIsRefusedWithoutBeingQuoted(t *testing.T) {
	for _, in := range []string{
		"hunter2", "mysql://u:hunter2@h/d", "postgres://u:hunter2:x@h:hunter2/d", "postgres://u:hunter2/x@h/d",
		"postgres://u:hunter2?x@h/d", "postgres://u:hunter2%zz@h/d", "postgres://u:1?hunter2=%zz", "postgres://[::1:hunter2/d",
		"postgres://[::1]hunter2/d", "postgres://a:1:hunter2/d", "postgres://h:0/d", "postgres://h:65536/d", "postgres://a:1,b:2,c/d?port=hunter2",
		"host=h password='hunter2", "host hunter2=3", "=hunter2", "hostaddr=192.0.2.1 password=hunter2", "host=a,,b", "host=a,b port=1,2,3",
		"host=h\x00password=hunter2", "postgres://u:hunter2@h/\x1b",
	} {
		s, err := Parse(in)
		if err == nil {
			t.Errorf("%q was read as %v", in, s)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error quotes it: %v", in, err)
		}
	}
}

func TestHosts(t *testing.T) {
	tests := []struct {
		in   string
		want []Host
	}{
		{"user=u", nil},
		{"host=h", []Host{{"h", 5432}}},
		{"postgres://a,b:1/d", []Host{{"a", 5432}, {"b", 1}}},
		{"host=a,b port=5433", []Host{{"a", 5433}, {"b", 5433}}},
		{"postgres://[fdaa::1]:5433", []Host{{"fdaa::1", 5433}}},
	}
	for _, tt := range tests {
		s, err := Parse(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Hosts()
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", tt.in, err, diff)
		}
	}
}

func TestOverKeepsWhatIsLeftOut(t *testing.T) {
	base := Settings{"user": "u", "password": "p", "host": "a"}
	got := Settings{"host": "b"}.Over(base)
	if diff := cmp.Diff(Settings{"user": "u", "password": "p", "host": "b"}, got); diff != "" || base["host"] != "a" {
		t.Error(diff, base)
	}
	if got := (Settings{"host": "b"}).Over(nil); got["host"] != "b" {
		t.Error(got)
	}
}

func TestThePasswordFileIsReadAsLibpqDoes(t *testing.T) {
	const file = "# comment:1:2:3:4\n" +
		"\n" +
		"short:line\n" +
		"changelog-db.internal:5432:*:postgres:by-name\r\n" +
		"fdaa\\:0\\:1\\:\\:3:5433:app:postgres:by-address\n" +
		"localhost:5432:*:u:sock\\:et\\\\\n" +
		"h:5432:d:other:not-this\n" +
		"*:*:*:u:any\n"
	pp := ParsePasswords(file)
	tests := []struct {
		hosts          []Host
		database, user string
		want           string
	}{
		{[]Host{{"fdaa:0:1::3", 5433}, {"changelog-db.internal", 5432}}, "app", "postgres", "by-name"},
		{[]Host{{"fdaa:0:1::3", 5433}}, "app", "postgres", "by-address"},
		{[]Host{{"fdaa:0:1::3", 5433}}, "other", "postgres", ""},
		{[]Host{{"/run/postgresql", 5432}}, "d", "u", `sock:et\`},
		{[]Host{{"h", 5432}}, "d", "u", "any"},
		{[]Host{{"h", 1}}, "d", "nobody", ""},
		{nil, "d", "u", ""},
	}
	for _, tt := range tests {
		got, ok := Find(pp, tt.hosts, tt.database, tt.user)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%v %s %s: got %q, want %q", tt.hosts, tt.database, tt.user, got, tt.want)
		}
	}
}

func TestAPasswordFileThatOthersMayReadIsNotUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(path, []byte("*:*:*:*:p\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPasswords(path); err == nil || !strings.Contains(err.Error(), "may be read by others (mode 0644) and is not used: run chmod 600 "+path) {
		t.Errorf("got %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if pp, err := ReadPasswords(path); err != nil || len(pp) != 1 {
		t.Errorf("got %v, %v", pp, err)
	}
	if _, err := ReadPasswords(filepath.Dir(path)); err == nil {
		t.Error("a directory was read")
	}
}

func TestService(t *testing.T) {
	const file = "# comment\nignored=1\n[other]\nhost=x\n[changelog]\n host = h \nport=5433\n#user=x\nuser=u\npassword=\n[changelog]\nhost=later\n"
	got, err := ParseService(file, "changelog")
	if diff := cmp.Diff(Settings{"host": "h", "port": "5433", "user": "u"}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for name, want := range map[string]string{"nobody": `there is no service "nobody"`, "bad": "keyword=value"} {
		if _, err := ParseService(file+"[bad]\nhunter2\n", name); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The driver must read the same in what we write, and we what we wrote.
func TestKeywordsAreReadBackByUsAndByTheDriver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Settings{"host": "h", "sslmode": "disable"}
		for _, k := range []string{"user", "password", "dbname"} {
			s[k] = rapid.StringOfN(rapid.RuneFrom([]rune(`ab '"\:@/%=?#[],é`)), 1, 12, -1).Draw(t, k)
		}
		text := s.Keywords()
		back, err := Parse(text)
		if diff := cmp.Diff(s, back); err != nil || diff != "" {
			t.Fatalf("%s: %v %s", text, err, diff)
		}
		cfg, err := pgconn.ParseConfig(text)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.User != s["user"] || cfg.Password != s["password"] || cfg.Database != s["dbname"] || cfg.Host != "h" {
			t.Fatalf("%s: the driver reads %q %q %q %q", text, cfg.Host, cfg.User, cfg.Password, cfg.Database)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"postgres://u:p@h:1/d?a=b", "host=h password='a b'", "postgres://[::1]:5433,b/d", "ecto://%2Ftmp/x", "a=\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := Parse(in)
		if err != nil {
			return
		}
		if _, err := s.Hosts(); err != nil {
			t.Errorf("%q: hosts are not good: %v", in, err)
		}
		back, err := Parse(s.Keywords())
		if diff := cmp.Diff(s, back); err != nil || diff != "" {
			t.Errorf("%q: read back: %v %s", in, err, diff)
		}
	})
}

func FuzzFiles(f *testing.F) {
	f.Add("a:1:b:c:d\n*:*:*:*:x\\:y", "h", "[h]\nhost=a")
	f.Fuzz(func(t *testing.T, passwords, name, services string) {
		pp := ParsePasswords(passwords)
		if p, ok := Find(pp, []Host{{name, 5432}}, name, name); ok && strings.ContainsRune(p, '\n') {
			t.Errorf("a password of two lines: %q", p)
		}
		s, err := ParseService(services, name)
		if err != nil {
			return
		}
		if _, err := s.Hosts(); err != nil {
			t.Error(err)
		}
	})
}
