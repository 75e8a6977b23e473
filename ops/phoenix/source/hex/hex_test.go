package hex

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type entry struct {
	tar.Header
	data string
}

func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.Size == 0 {
			e.Size = int64(len(e.data))
		}
		if e.Typeflag == 0 {
			e.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func plain(name, data string) entry {
	return entry{Header: tar.Header{Name: name, Mode: 0o644}, data: data}
}

func zipped(t testing.TB, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const metadata = `{<<"name">>,<<"phx_new">>}.
{<<"version">>,<<"1.7.14">>}.
{<<"elixir">>,<<"~> 1.14">>}.
{<<"requirements">>,[[{<<"optional">>,false},{<<"n">>,-3}]]}.
`

func published(t testing.TB, files ...entry) []byte {
	return pack(t, plain("VERSION", "3"), plain("CHECKSUM", "AB"), plain("metadata.config", metadata), plain("contents.tar.gz", zipped(t, pack(t, files...))))
}

func TestAPackageIsRead(t *testing.T) {
	p, err := Open(published(t, entry{Header: tar.Header{Name: "lib/", Typeflag: tar.TypeDir, Mode: 0o755}}, plain("./lib/a.ex", "a"), plain("mix.exs", "b")))
	if err != nil {
		t.Fatal(err)
	}
	want := &Package{Name: "phx_new", Version: "1.7.14", Elixir: "~> 1.14", Files: []File{{"lib/a.ex", []byte("a")}, {"mix.exs", []byte("b")}}}
	if d := cmp.Diff(want, p); d != "" {
		t.Error(d)
	}
}

func TestAPackageThatIsNotOneIsRefused(t *testing.T) {
	link := func(kind byte, to string) entry {
		return entry{Header: tar.Header{Name: "lib/x", Typeflag: kind, Linkname: to}}
	}
	outer := func(replace string, by entry) []byte {
		all := []entry{plain("VERSION", "3"), plain("metadata.config", metadata), plain("contents.tar.gz", zipped(t, pack(t, plain("a", "b"))))}
		for i := range all {
			if all[i].Name == replace {
				all[i] = by
			}
		}
		return pack(t, all...)
	}
	for name, c := range map[string]struct {
		tar  []byte
		want string
	}{
		"out of it":           {published(t, plain("../x", "a")), "leads out"},
		"from the root":       {published(t, plain("/etc/x", "a")), "leads out"},
		"by the middle":       {published(t, plain("a/../../x", "a")), "leads out"},
		"a symbolic link":     {published(t, link(tar.TypeSymlink, "/etc")), "not a plain file"},
		"a hard link":         {published(t, link(tar.TypeLink, "/etc/passwd")), "not a plain file"},
		"a device":            {published(t, entry{Header: tar.Header{Name: "d", Typeflag: tar.TypeChar}}), "not a plain file"},
		"the same twice":      {published(t, plain("a", "1"), plain("./a", "2")), "there twice"},
		"a file in a file":    {published(t, plain("a", "1"), plain("a/b", "2")), "a file and a directory"},
		"another format":      {outer("VERSION", plain("VERSION", "4")), "its format"},
		"no version":          {outer("VERSION", plain("version", "3")), "no VERSION"},
		"a part twice":        {outer("VERSION", plain("metadata.config", metadata)), "not one plain file"},
		"broken terms":        {outer("metadata.config", plain("metadata.config", `{<<"name">>,<<"x">>`)), "metadata.config"},
		"no gzip":             {outer("contents.tar.gz", plain("contents.tar.gz", "hello")), "contents.tar.gz"},
		"cut":                 {published(t, plain("a", "1"))[:512*5+100], "unexpected EOF"},
		"too large when open": {outer("contents.tar.gz", plain("contents.tar.gz", zipped(t, make([]byte, 1<<20)))), ""},
	} {
		p, err := Open(c.tar)
		if c.want == "" {
			if err == nil && len(p.Files) > 0 {
				t.Errorf("%s: read as %v", name, p)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestMetadata(t *testing.T) {
	for text, want := range map[string]map[string]string{
		metadata: {"name": "phx_new", "version": "1.7.14", "elixir": "~> 1.14"},
		`{<<"a">>,<<"q\"uo\\te\n\x{e9}"/utf8>>}. % a remark` + "\n" + `{"b",<<>>}.{atom,'at om'}.`: {"a": "q\"uo\\te\né", "b": ""},
		"":                                     {},
		`{<<"a">>,<<"b">>}`:                    nil,
		`{<<"a">>,<<"b">>,<<"c">>}.`:           nil,
		`[1].`:                                 nil,
		`{<<"a">>,<<"b>>}.`:                    nil,
		`{<<"a">>,<<"b">>}.{<<"a">>,<<"c">>}.`: nil,
		`{<<"a">>,` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}.`: nil,
		"{<<\"a\">>,<<\"\xff\">>}.": nil,
		`{Variable,1}.`:             nil,
	} {
		got, err := readMetadata([]byte(text))
		if (err != nil) != (want == nil) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got); want != nil && d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestWhatARegistryAnswers(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		status int
		body   string
		want   Release
		err    string
	}{
		"a release": {200, `{"version":"1.0.0","checksum":"` + strings.ToUpper(sum) + `","meta":{"elixir":"~> 1.5"}}`, Release{SHA256: sum, Elixir: "~> 1.5"}, ""},
		"a retired one": {
			200, `{"version":"1.0.0","checksum":"` + sum + `","meta":{},"retirement":{"reason":"security","message":"see \u001b[31mthere"}}`,
			Release{SHA256: sum, Retired: "security see there"},
			"",
		},
		"another version": {200, `{"version":"1.0.1","checksum":"` + sum + `"}`, Release{}, "no checksum of version"},
		"no checksum":     {200, `{"version":"1.0.0","checksum":"x"}`, Release{}, "no checksum of version"},
		"no JSON":         {200, `<html>`, Release{}, "no JSON"},
		"not there":       {404, ``, Release{}, "does not have it"},
		"out of order":    {503, ``, Release{}, "503"},
		"without end":     {200, strings.Repeat(" ", 2<<20), Release{}, "larger than"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		r := Registry{API: strings.Replace(srv.URL, "://", "://me:secret@", 1), Client: srv.Client()}
		got, err := r.Release(t.Context(), "phx_new", "1.0.0")
		srv.Close()
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: got %v, want %q", name, err, c.err)
		}
		if (name == "not there") != errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Registry{API: "http://127.0.0.1:1"}).Release(ctx, "a", "1.0.0"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(published(f, plain("lib/a.ex", "a"), plain("mix.exs", "b")))
	f.Add(published(f, plain("../a", "a")))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Open(data)
		if err != nil {
			return
		}
		for _, file := range p.Files {
			if !fs.ValidPath(file.Path) {
				t.Errorf("%q leads out of the package", file.Path)
			}
		}
	})
}

// FuzzContents is FuzzOpen without the compression, which hides what is in a package from the fuzzer.
func FuzzContents(f *testing.F) {
	f.Add(pack(f, plain("lib/a.ex", "a"), plain("mix.exs", "b")))
	f.Add(pack(f, plain("a", "a"), plain("a/b", "b")))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := contents([]byte(zipped(t, data)))
		if err != nil {
			return
		}
		for _, file := range files {
			if !fs.ValidPath(file.Path) {
				t.Errorf("%q leads out of the package", file.Path)
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(metadata))
	f.Add([]byte(`{<<"a">>,[{"b",'c d',-1,<<>>}]}. % x`))
	f.Fuzz(func(t *testing.T, text []byte) {
		one, err := readMetadata(text)
		if err != nil {
			return
		}
		// A file that is read ends a term: one more can follow.
		two, err := readMetadata(append(append([]byte{}, text...), "\n{<<\"zz\">>,<<\"1\">>}."...))
		if _, was := one["zz"]; !was && (err != nil || len(two) != len(one)+1) {
			t.Errorf("%q reads as %v, with a term more as %v, %v", text, one, two, err)
		}
	})
}
