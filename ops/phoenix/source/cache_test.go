package source

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

func TestACacheGivesWhatItWasGiven(t *testing.T) {
	c := &Cache{Dir: filepath.Join(t.TempDir(), "phx")}
	for _, tree := range phoenixtest.Trees(t) {
		tree.Files["bin/run"] = phoenix.File{Data: []byte{0, 1, 2}, Executable: true}
		tree.Provenance.Notes = []string{"a note"}
		if _, ok := c.Load("x", tree.Spec); ok {
			t.Fatal("it has what it was not given")
		}
		if err := c.Store("x", tree); err != nil {
			t.Fatal(err)
		}
		got, ok := c.Load("x", tree.Spec)
		if !ok {
			t.Fatal("it does not have what it was given")
		}
		tree.Provenance.Cached = true
		if d := cmp.Diff(tree, got); d != "" {
			t.Error(d)
		}
		if _, ok := c.Load("y", tree.Spec); ok {
			t.Error("it takes one source's tree for another's")
		}
		other := tree.Spec
		other.Module = "Other"
		if _, ok := c.Load("x", other); ok {
			t.Error("it takes one application's tree for another's")
		}
	}
	auth := phoenixtest.Tree(t, "1.8.8/default")
	auth.Spec.Axis, auth.Spec.Names, auth.Spec.Within = phoenix.Auth, phoenix.DefaultNames, phoenix.Flags{"umbrella": "true"}
	if err := c.Store("x", auth); err != nil {
		t.Fatal(err)
	}
	if got, ok := c.Load("x", auth.Spec); !ok || got.Spec.Names != phoenix.DefaultNames {
		t.Errorf("%v %+v", ok, got)
	}
	for name, change := range map[string]func(*phoenix.Spec){
		"generator": func(s *phoenix.Spec) { s.Axis = phoenix.Project },
		"names":     func(s *phoenix.Spec) { s.Names.Schema = "Person" },
		"project":   func(s *phoenix.Spec) { s.Within = nil },
	} {
		other := auth.Spec
		change(&other)
		if _, ok := c.Load("x", other); ok {
			t.Errorf("it takes the tree of another %s", name)
		}
	}
	for _, off := range []*Cache{nil, {}} {
		tree := phoenixtest.Tree(t, phoenixtest.Names[0])
		if err := off.Store("x", tree); err != nil {
			t.Error(err)
		}
		if _, ok := off.Load("x", tree.Spec); ok {
			t.Error("a cache that is off has a tree")
		}
	}
}

func TestABrokenEntryIsAMiss(t *testing.T) {
	tree := phoenixtest.Tree(t, "1.5.8/live")
	for name, spoil := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"empty":   func([]byte) []byte { return nil },
		"changed": func(b []byte) []byte { return bytes.Replace(b, []byte("a"), []byte("b"), 1) },
		"other":   func([]byte) []byte { return []byte(`{"Format":1}`) },
	} {
		for _, what := range []string{"trees/*", "blobs/*/*"} {
			c := &Cache{Dir: t.TempDir()}
			if err := c.Store("x", tree); err != nil {
				t.Fatal(err)
			}
			all, err := filepath.Glob(filepath.Join(c.Dir, what))
			if err != nil || len(all) == 0 {
				t.Fatal(all, err)
			}
			for _, at := range all {
				data, err := os.ReadFile(at)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, spoil(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, ok := c.Load("x", tree.Spec); ok {
				t.Errorf("%s %s: it gives what is broken", name, what)
			}
			if err := c.Store("x", tree); err != nil {
				t.Fatal(err)
			}
			if got, ok := c.Load("x", tree.Spec); !ok || cmp.Diff(tree.Files, got.Files) != "" {
				t.Errorf("%s %s: it is not whole again", name, what)
			}
		}
	}
}

func TestACacheStaysWithinItsBound(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), MaxBytes: 1 << 20}
	shared := bytes.Repeat([]byte("shared"), 10_000)
	now := time.Now()
	for n := range 40 {
		tree := &phoenix.Tree{
			Spec: phoenix.Spec{Axis: phoenix.Project, Version: phoenix.Version{Major: 1, Minor: 9, Patch: n}, App: "a", Module: "A"},
			Files: map[string]phoenix.File{
				"shared": {Data: shared},
				"own":    {Data: bytes.Repeat([]byte{byte(n)}, 50_000)},
			},
		}
		if err := c.Store("x", tree); err != nil {
			t.Fatal(err)
		}
		// As if it were of long ago, each younger than the one before.
		then := now.Add(time.Duration(n-100) * 2 * time.Hour)
		err := filepath.Walk(c.Dir, func(p string, info os.FileInfo, err error) error {
			if err != nil || info.IsDir() || now.Sub(info.ModTime()) > time.Hour {
				return err
			}
			return os.Chtimes(p, then, then)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	old := filepath.Join(c.Dir, "tmp", "build-1")
	if err := os.MkdirAll(old, 0o700); err != nil {
		t.Fatal(err)
	}
	then := now.Add(-48 * time.Hour)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	if err := c.Trim(now); err != nil {
		t.Fatal(err)
	}
	if size, _ := weigh(c.Dir); size > c.MaxBytes {
		t.Errorf("%d bytes are left", size)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("what a killed process left is still there: %v", err)
	}
	var have []string
	for n := range 40 {
		s := phoenix.Spec{Axis: phoenix.Project, Version: phoenix.Version{Major: 1, Minor: 9, Patch: n}, App: "a", Module: "A"}
		if tree, ok := c.Load("x", s); ok {
			have = append(have, fmt.Sprint(n))
			if !bytes.Equal(tree.Files["shared"].Data, shared) {
				t.Error("what trees share is broken")
			}
		}
	}
	if text := strings.Join(have, " "); !strings.HasSuffix(text, "38 39") || strings.HasPrefix(text, "0 ") || len(have) < 5 {
		t.Errorf("kept %s", text)
	}
}
