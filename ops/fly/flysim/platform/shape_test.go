package platform

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// step is a request a client makes, and what its answer has to look like.
type step struct {
	About  string          `json:"about"`
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body"`
	Status int             `json:"status"`
	// Shape is the tree of the answer. A text is a type (text, number, bool, null, json for anything), several with |;
	// a list is a list of at least one element, each of the shape of its only element, or with two elements ("any")
	// perhaps empty; an object has exactly these fields, those ending in ? perhaps not.
	Shape any `json:"shape"`
}

// unlike lists in what got is not of a shape.
func unlike(path string, shape, got any) []string {
	switch shape := shape.(type) {
	case string:
		for alt := range strings.SplitSeq(shape, "|") {
			if alt == "json" || alt == typeOf(got) {
				return nil
			}
		}
		return []string{fmt.Sprintf("%s: %s, want %s", path, typeOf(got), shape)}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) == 0 && len(shape) == 1 {
			return []string{fmt.Sprintf("%s: %s, want a filled list", path, typeOf(got))}
		}
		var out []string
		for i, e := range list {
			out = append(out, unlike(fmt.Sprintf("%s[%d]", path, i), shape[0], e)...)
		}
		return out
	case map[string]any:
		obj, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %s, want an object", path, typeOf(got))}
		}
		var out []string
		known := map[string]bool{}
		for _, k := range slices.Sorted(maps.Keys(shape)) {
			name, optional := strings.CutSuffix(k, "?")
			known[name] = true
			v, there := obj[name]
			if there {
				out = append(out, unlike(path+"."+name, shape[k], v)...)
			} else if !optional {
				out = append(out, path+"."+name+": missing")
			}
		}
		for k := range obj {
			if !known[k] {
				out = append(out, path+"."+k+": not asked for")
			}
		}
		return out
	}
	return []string{fmt.Sprintf("%s: bad shape %v", path, shape)}
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "bool"
	case []any:
		return "list"
	}
	return "object"
}

// newShapeBench is a world with something of everything.
func newShapeBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, Options{})
	for v := 39; v <= 41; v++ {
		if _, err := b.w.AddRelease(ReleaseSpec{Version: v}); err != nil {
			t.Fatal(err)
		}
	}
	b.add(3, MachineSpec{}, "ord", "iad")
	b.add(1, MachineSpec{Group: "worker"})
	b.fault("crash-loop group:worker")
	if _, err := b.w.AddVolume(VolumeSpec{}); err != nil {
		t.Fatal(err)
	}
	if err := b.w.SetSecret("", "SECRET_KEY_BASE", "x"); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAnswersHaveTheShapeClientsRead makes the requests of the platform's command line client, command by command.
func TestAnswersHaveTheShapeClientsRead(t *testing.T) {
	files, err := filepath.Glob("testdata/shapes/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no shapes", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var steps []step
			if err := json.Unmarshal(raw, &steps); err != nil {
				t.Fatal(err)
			}
			b := newShapeBench(t)
			for _, s := range steps {
				var body any
				if s.Body != nil {
					body = string(s.Body)
				}
				a := b.do(s.Method, s.Path, body)
				if a.status != s.Status {
					t.Errorf("%s: status %d, want %d: %s", s.About, a.status, s.Status, a.text)
					continue
				}
				for _, p := range unlike("$", s.Shape, a.json) {
					t.Errorf("%s: %s", s.About, p)
				}
			}
		})
	}
}
