package fly

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATokenNeverShowsItself(t *testing.T) {
	tok, err := NewToken(testToken)
	if err != nil {
		t.Fatal(err)
	}
	type inner struct{ tok Token } // unexported: fmt cannot ask its methods
	values := []any{tok, &tok, []Token{tok}, map[string]Token{"k": tok}, struct{ T Token }{tok}, inner{tok}, &inner{tok}, Options{Token: tok.Source()}}
	var out strings.Builder
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%10.3v"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		out.Write(log.Bytes())
	}
	b, _ := xml.Marshal(struct{ T Token }{tok})
	out.Write(b)
	harmlessText := strings.ReplaceAll(out.String(), "\n", "")
	harmless(t, harmlessText)
	if hex := fmt.Sprintf("%x", testToken); strings.Contains(out.String(), hex) {
		t.Error("the token is shown in hex")
	}
	if !strings.Contains(out.String(), "[token]") {
		t.Error("nothing says that there is a token")
	}
	if (Token{}).String() != "" {
		t.Error("no token looks like one")
	}
}

func TestAuthorizationHeaders(t *testing.T) {
	tests := []struct{ pasted, machines, graph, web string }{
		{"fo1_a", "Bearer fo1_a", "Bearer fo1_a", "Bearer fo1_a"},
		{"Bearer fo1_a", "Bearer fo1_a", "Bearer fo1_a", "Bearer fo1_a"},
		{"old-token-without-a-kind", "Bearer old-token-without-a-kind", "Bearer old-token-without-a-kind", "Bearer old-token-without-a-kind"},
		{" FlyV1 fm2_a, fm2_b\n", "FlyV1 fm2_a,fm2_b", "FlyV1 fm2_a,fm2_b", "Bearer fm2_a,fm2_b"},
		{"flyv1 fm1r_a,fm1a_b", "FlyV1 fm1r_a,fm1a_b", "FlyV1 fm1r_a,fm1a_b", "Bearer fm1r_a,fm1a_b"},
		{"fo1_a,fm2_b", "FlyV1 fm2_b", "FlyV1 fm2_b,fo1_a", "Bearer fo1_a,fm2_b"},
		{"fm2_a,,fm2_a", "FlyV1 fm2_a", "FlyV1 fm2_a", "Bearer fm2_a"},
	}
	for _, tt := range tests {
		tok, err := NewToken(tt.pasted)
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.machinesAuth(); got != tt.machines {
			t.Errorf("%q: machines: got %q, want %q", tt.pasted, got, tt.machines)
		}
		if got := tok.graphAuth(); got != tt.graph {
			t.Errorf("%q: GraphQL: got %q, want %q", tt.pasted, got, tt.graph)
		}
		if got := tok.webAuth(); got != tt.web {
			t.Errorf("%q: web: got %q, want %q", tt.pasted, got, tt.web)
		}
	}
}

func TestBadTokens(t *testing.T) {
	for _, s := range []string{"", " ", "Bearer ", ",,"} {
		if _, err := NewToken(s); !errors.Is(err, ErrNoToken) {
			t.Errorf("%q: got %v", s, err)
		}
	}
	for _, s := range []string{"fo1_the-secret\r\nX: y", "fo1_the-secret words", "fo1_the-secret\x00", "fo1_the-secretü", strings.Repeat("x", 70_000)} {
		_, err := NewToken(s)
		if err == nil || errors.Is(err, ErrNoToken) {
			t.Errorf("%.20q: got %v", s, err)
			continue
		}
		harmless(t, err.Error())
	}
}

func TestEchoesAreRedacted(t *testing.T) {
	tok, err := NewToken("fm2_the-secret/with+signs==,old&the-secret<2>")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(tok.parts(), tok.all()) {
		js, _ := json.Marshal(p)
		for _, echo := range []string{p, url.QueryEscape(p), url.PathEscape(p), string(js), fmt.Sprintf("%q", p), "FlyV1 " + p, "a" + p + "b"} {
			got := tok.clean("before " + echo + " after")
			if strings.Contains(got, "the-secret") || !strings.Contains(got, "[token]") {
				t.Errorf("%s: got %s", echo, got)
			}
		}
	}
	// Control characters do not hide it.
	harmless(t, tok.clean("fm2_the\x00-sec\u200bret/with+signs=="))
	if got := tok.clean("bearer authentication required"); got != "bearer authentication required" {
		t.Errorf("got %q", got)
	}
}

func TestTokenFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name, path, want string // want: a token, or ! and a part of the error
		none             bool   // the error is ErrNoToken
	}{
		{"good", write("a", "fo1_x\n", 0o600), "fo1_x", false},
		{"readable by others", write("b", "fo1_x\n", 0o644), "!may be read by others (mode 0644): run chmod 600 ", false},
		{"readable by the group", write("c", "fo1_x\n", 0o640), "!mode 0640", false},
		{"empty", write("d", "\n", 0o600), "!no access token", true},
		{"not there", filepath.Join(dir, "e"), "!not there", true},
		{"directory", dir, "!not a regular file", false},
		{"huge", write("f", strings.Repeat("x", maxTokenFile+1), 0o600), "!longer than 256 kB", false},
		{"garbage", write("g", "fo1_\x1b[2J", 0o600), "!a character in it that no token has", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tok, err := FileToken(tt.path)(context.Background())
			if want, bad := strings.CutPrefix(tt.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrNoToken) != tt.none {
					t.Errorf("got %v, want …%s", err, want)
				}
				return
			}
			if err != nil || tok.Reveal() != tt.want {
				t.Errorf("got %s, %v", tok.Reveal(), err)
			}
		})
	}
}

func TestFlyctlConfiguration(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"plain", "access_token: fo1_a\nlast_login: 2026-01-01\n", "fo1_a"},
		{"among others", "# made by flyctl\nwire_guard_state:\n  o:\n    access_token: fo1_inner\nauto_update: true\naccess_token: fm2_a,fm2_b # here\n", "fm2_a,fm2_b"},
		{"double quotes", `access_token: "FlyV1 fm2_a"` + "\n", "fm2_a"},
		{"single quotes", "'access_token' : 'fo1_a'\n", "fo1_a"},
		{"folded", "access_token: >-\n  FlyV1 fm2_a,\n  fm2_b\nx: y\n", "fm2_a,fm2_b"},
		{"continued", "access_token: FlyV1\n  fm2_a,fm2_b\nx: y\n", "fm2_a,fm2_b"},
		{"on the next line", "access_token:\n  fo1_a\nx: y\n", "fo1_a"},
		{"Windows", "\ufeffaccess_token: fo1_a\r\nx: y\r\n", "fo1_a"},
		{"none", "auto_update: true\n", "!no access token: looked at "},
		{"empty", "access_token: \"\"\n", "!no access token: looked at "},
		{"null", "access_token: null\n", "!no access token: looked at "},
		{"another key", "access_token_old: fo1_a\n", "!no access token"},
		{"anchor", "access_token: &a fo1_the-secret\n", "!line 1: the value of access_token is not a simple text"},
		{"broken quotes", "x: y\naccess_token: \"fo1_the-secret\n", "!line 2: the value of access_token is not a simple quoted text"},
		{"nothing", "", "!no access token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "config.yml"), []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			tok, err := FlyctlToken(func(k string) string { return map[string]string{"FLY_CONFIG_DIR": dir}[k] })(context.Background())
			if want, bad := strings.CutPrefix(tt.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("got %v, want …%s", err, want)
				}
				harmless(t, err.Error())
				return
			}
			if err != nil || tok.Reveal() != tt.want {
				t.Errorf("got %q, %v", tok.Reveal(), err)
			}
		})
	}
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".fly"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".fly", "config.yml"), []byte("access_token: fo1_home"), 0o600); err != nil {
		t.Fatal(err)
	}
	tok, err := FlyctlToken(func(k string) string { return map[string]string{"HOME": home}[k] })(context.Background())
	if err != nil || tok.Reveal() != "fo1_home" {
		t.Errorf("got %v, %v", tok.Reveal(), err)
	}
}

func TestTheFirstSourceThatHasATokenWinsAndABrokenOneEndsTheSearch(t *testing.T) {
	env := func(k string) string { return map[string]string{"B": "Bearer fo1_b"}[k] }
	tok, err := FirstOf(EnvToken(env, "A"), EnvToken(env, "A", "B"), StaticToken("fo1_c"))(context.Background())
	if err != nil || tok.Reveal() != "fo1_b" {
		t.Errorf("got %v, %v", tok.Reveal(), err)
	}
	path := filepath.Join(t.TempDir(), "t")
	if err := os.WriteFile(path, []byte("fo1_x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := FirstOf(FileToken(path), StaticToken("fo1_c"))(context.Background()); err == nil || errors.Is(err, ErrNoToken) {
		t.Errorf("got %v", err)
	}
}

func FuzzToken(f *testing.F) {
	f.Add("FlyV1 fm2_a,fo1_b", "the server says fm2_a")
	f.Add("fo1_the-secret", "fo1_the%2Dsecret\x1b[2J")
	f.Fuzz(func(t *testing.T, s, text string) {
		tok, err := NewToken(s)
		if err != nil {
			if len(s) > 20 && strings.Contains(err.Error(), s) {
				t.Errorf("the error shows the token: %v", err)
			}
			return
		}
		again, err := NewToken(tok.all())
		if err != nil || !again.Equal(tok) {
			t.Errorf("%q is not itself", tok.all())
		}
		for _, h := range []string{tok.machinesAuth(), tok.graphAuth(), tok.webAuth()} {
			if strings.ContainsAny(h, "\r\n\x00") {
				t.Errorf("not a header: %q", h)
			}
		}
		got := tok.clean(text + tok.all() + text)
		for _, p := range tok.parts() {
			if len(p) > 12 && strings.Contains(got, p) && !strings.Contains(hidden, p) {
				t.Errorf("%q is still in %q", p, got)
			}
		}
	})
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte("access_token: fo1_a\n"))
	f.Add([]byte("access_token: |\n  a\n  b\n\nx: 'y"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := yamlScalar(b, "access_token")
		if err == nil && strings.ContainsAny(v, "\n") {
			t.Errorf("got %q", v)
		}
	})
}
