package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ops-console/ops/backup/store"
)

var background = context.Background()

func TestAddresses(t *testing.T) {
	keys := store.StaticKeys(store.Keys{Access: "a", Secret: "s"})
	for address, want := range map[string]string{
		"/srv/backups":                         "/srv/backups",
		"/srv//backups/":                       "/srv/backups",
		"file:///srv/backups":                  "/srv/backups",
		"file:///srv/with%20space":             "/srv/with space",
		"s3://bkt":                             "s3://bkt?endpoint=https%3A%2F%2Fs3.amazonaws.com",
		"s3://bkt/p/q/":                        "s3://bkt/p/q",
		"s3://bkt/p?region=eu-central-1":       "s3://bkt/p?region=eu-central-1",
		"s3://bkt/p?endpoint=s3.example.com":   "s3://bkt/p?endpoint=https%3A%2F%2Fs3.example.com",
		"s3://bkt?endpoint=http://[::1]:9000/": "s3://bkt?endpoint=http%3A%2F%2F%5B%3A%3A1%5D%3A9000",
		"s3://bkt?endpoint=https://s3.fr-par.scw.cloud&region=fr-par":                                   "s3://bkt?endpoint=https%3A%2F%2Fs3.fr-par.scw.cloud&region=fr-par",
		"s3://bkt?endpoint=https://s3.fr-par.scw.cloud&max_parts=10000":                                 "s3://bkt?endpoint=https%3A%2F%2Fs3.fr-par.scw.cloud&max_parts=10000",
		"s3://bkt?endpoint=https://f.backblazeb2.com&conditional=yes":                                   "s3://bkt?conditional=yes&endpoint=https%3A%2F%2Ff.backblazeb2.com",
		"s3://bkt?endpoint=https://x.r2.cloudflarestorage.com&region=auto":                              "s3://bkt?endpoint=https%3A%2F%2Fx.r2.cloudflarestorage.com",
		"s3://bkt?endpoint=https://fly.storage.tigris.dev":                                              "s3://bkt?endpoint=https%3A%2F%2Ffly.storage.tigris.dev",
		"s3://bkt?endpoint=https://h.example.com&style=host&max_parts=500&checksum=none&conditional=no": "s3://bkt?checksum=none&conditional=no&endpoint=https%3A%2F%2Fh.example.com&max_parts=500&style=host",
	} {
		s, err := store.Open(t.Context(), address, store.Options{Keys: keys})
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		defer s.Close()
		want = strings.TrimSuffix(want, "?endpoint=https%3A%2F%2Fs3.amazonaws.com")
		if s.String() != want {
			t.Errorf("%s is %s, want %s", address, s, want)
		}
		again, err := store.Open(t.Context(), s.String(), store.Options{Keys: keys})
		if err != nil || again.String() != s.String() {
			t.Errorf("%s, opened again, is %v, %v", s, again, err)
		}
	}
	for _, address := range []string{
		"", "ftp://h/p", "s3://", "s3:///p", "s3://bkt/p#f", "s3://key:secret-key@bkt/p", "s3://bkt:9/p", "s3://bkt/../p", "s3://bkt//p//q",
		"s3://bkt?endpoint=ftp://h", "s3://bkt?endpoint=https://h/path", "s3://bkt?endpoint=https://u:secret-key@h", "s3://bkt?endpoint=",
		"s3://bkt?region=", "s3://bkt?region=a b", "s3://bkt?style=x", "s3://bkt?max_parts=0", "s3://bkt?max_parts=10001", "s3://bkt?max_parts=x",
		"s3://bkt?checksum=md5", "s3://bkt?conditional=maybe", "s3://bkt?secret=secret-key", "s3://bkt?region=a&region=b", "s3://bkt?%zz",
		"s3://bkt%zz", "file://host/p", "file://", "file:///p?x=y", "s3://b", "s3://bkt/\x00",
	} {
		s, err := store.Open(t.Context(), address, store.Options{Keys: keys})
		if s != nil {
			defer s.Close()
			t.Errorf("%q can be opened", address)
		}
		if !errors.Is(err, store.ErrConfig) || strings.Contains(err.Error(), "secret-key") {
			t.Errorf("%q gives %v", address, err)
		}
	}
	if _, err := store.Open(t.Context(), "s3://bkt", store.Options{}); !errors.Is(err, store.ErrDenied) {
		t.Errorf("without keys: %v", err)
	}
}

func TestKeysAreNeverShown(t *testing.T) {
	k := store.Keys{Access: "the-access", Secret: "the-secret", Token: "the-token"}
	j, err := json.Marshal(map[string]any{"keys": k, "pointer": &k})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %q", k, k, k, k, k), fmt.Sprintf("%v %+v %#v", &k, &k, struct{ K store.Keys }{k}), string(j)} {
		if strings.Contains(s, "the-") {
			t.Errorf("they are shown: %s", s)
		}
	}
}

func TestFilesOfKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	write := func(mode os.FileMode, text string) {
		t.Helper()
		os.Remove(path)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	const two = "# ours\n[default]\naws_access_key_id = A\naws_secret_access_key=S=with=equals\n\n[profile other]\nAWS_ACCESS_KEY_ID=B\naws_secret_access_key=T\naws_session_token = K\nregion=x\n"
	for _, c := range []struct {
		text, profile string
		want          store.Keys
		says          string
	}{
		{two, "", store.Keys{Access: "A", Secret: "S=with=equals"}, ""},
		{two, "other", store.Keys{Access: "B", Secret: "T", Token: "K"}, ""},
		{two, "third", store.Keys{}, `no profile "third"`},
		{"[only]\naws_access_key_id=A\naws_secret_access_key=S\n", "", store.Keys{Access: "A", Secret: "S"}, ""},
		{"[default]\naws_access_key_id=A\n", "", store.Keys{}, "aws_secret_access_key"},
		{"", "", store.Keys{}, "no profile"},
		{"aws_access_key_id=hidden\n", "", store.Keys{}, "line 1"},
		{"[default]\nhidden\n", "", store.Keys{}, "line 2"},
	} {
		write(0o600, c.text)
		k, err := store.FileKeys(path, c.profile)(t.Context())
		if k != c.want {
			t.Errorf("%q: profile %q is not what it should be", c.text, c.profile)
		}
		if (c.says == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hidden") || !errors.Is(err, store.ErrDenied)) {
			t.Errorf("%q: profile %q: %v", c.text, c.profile, err)
		}
	}
	write(0o640, two)
	if _, err := store.FileKeys(path, "")(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	os.Remove(path)
	if _, err := store.FileKeys(path, "")(t.Context()); err == nil || !strings.Contains(err.Error(), "not there") {
		t.Errorf("no file: %v", err)
	}
}

func TestVariablesOfKeys(t *testing.T) {
	env := map[string]string{"A": "access", "S": "secret", "T": "token"}
	get := func(name string) string { return env[name] }
	if k, err := store.EnvKeys(get, "A", "S", "T")(t.Context()); err != nil || k != (store.Keys{Access: "access", Secret: "secret", Token: "token"}) {
		t.Errorf("it gives %v", err)
	}
	if _, err := store.EnvKeys(get, "A", "NONE", "")(t.Context()); err == nil || !strings.Contains(err.Error(), "NONE") {
		t.Errorf("with one that is not set: %v", err)
	}
}

func TestPartsFitIntoWhatTheStoreTakes(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for _, c := range []struct {
		expect int64
		most   int
		want   int64
	}{
		{0, 10000, 16 * mib},
		{-1, 10000, 16 * mib},
		{1, 10000, 8 * mib},
		{4 * gib, 10000, 8 * mib},
		{50 * gib, 10000, 96 * mib},
		{50 * gib, 1000, 96 * mib},
		{50 * gib, 100, 512 * mib},
		{5000 * gib, 10000, 512 * mib},
	} {
		got := store.SizeOfParts(c.expect, c.most)
		if got != c.want || got%mib != 0 {
			t.Errorf("of %d bytes in %d parts at most they have %d MiB, want %d", c.expect, c.most, got/mib, c.want/mib)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, s := range []string{"s3://bkt/p?endpoint=https://h&region=r", "file:///x", "/x", "s3://bkt?max_parts=7&style=path&checksum=none&conditional=no"} {
		f.Add(s)
	}
	keys := store.StaticKeys(store.Keys{Access: "a", Secret: "s"})
	f.Fuzz(func(t *testing.T, address string) {
		s, err := store.Open(t.Context(), address, store.Options{Keys: keys})
		if err != nil {
			return
		}
		defer s.Close()
		again, err := store.Open(t.Context(), s.String(), store.Options{Keys: keys})
		if err != nil || again.String() != s.String() {
			t.Errorf("%q is %q, which is %v, %v", address, s, again, err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("[default]\naws_access_key_id=A\naws_secret_access_key=S\n"), "")
	f.Add([]byte("[\n[]\n=\n"), "x")
	f.Fuzz(func(t *testing.T, b []byte, profile string) {
		k, err := store.ParseKeys(b, profile)
		if (err == nil) != (k.Access != "" && k.Secret != "") {
			t.Errorf("it gives half of them: %v", err)
		}
	})
}
