package session

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/phoenixtest"
)

// watching is a comparison as the console has it, with the fixtures as the snapshot and a registry of its own.
func watching(t *testing.T, mix string) *compare.Watcher {
	t.Helper()
	if _, err := exec.LookPath("elixir"); err != nil {
		t.Skip("elixir is not installed: apt-get install elixir")
	}
	r := phoenixtest.NewRegistry(t, phoenixtest.Pack(t, phoenixtest.Package(t), "~> 1.11"))
	home := t.TempDir()
	env := map[string]string{"HOME": home, "XDG_CACHE_HOME": filepath.Join(home, "cache"), "XDG_STATE_HOME": filepath.Join(home, "state")}
	p := &config.Profile{Generator: config.Generator{Snapshots: []string{phoenixtest.Dir()}, Mix: mix, Registry: r.URL + "/api", Packages: r.URL}}
	s := &Session{Profile: p, getenv: func(key string) string { return env[key] }}
	w := compare.Start(t.Context(), s.GeneratorOptions())
	t.Cleanup(w.Close)
	w.Attend(true)
	until(t, w, "what is at hand", func(s *compare.Snapshot) bool { return len(s.Pairs) > 0 && !s.Loading })
	w.Ask(compare.Choice{From: phoenix.MustVersion("1.8.8"), To: phoenix.MustVersion(phoenixtest.PackageVersion)})
	return w
}

func until(t *testing.T, w *compare.Watcher, what string, is func(*compare.Snapshot) bool) *compare.Snapshot {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		changed := w.Changed()
		s := w.Latest().Value
		if is(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s never came: %+v, %v", what, s.Wanted, s.Err)
		}
	}
}

func made(s *compare.Snapshot) bool { return !s.Loading && s.New.Provenance.Source == "mix" }

func TestAGeneratorIsRunOnceSomebodyHasSaidSo(t *testing.T) {
	t.Parallel()
	w := watching(t, "ask")
	q := until(t, w, "the question", func(s *compare.Snapshot) bool { return s.Question != nil }).Question
	if q.Package != "phx_new" || q.Version != phoenixtest.PackageVersion || len(q.SHA256) != 64 {
		t.Errorf("%+v", q)
	}
	w.Answer(q, true)
	if s := until(t, w, "the tree", made); len(s.Pairs) == 0 {
		t.Error("nothing is compared")
	}
}

func TestAGeneratorIsNotRunWithoutThat(t *testing.T) {
	t.Parallel()
	for _, mix := range []string{"ask", "never"} {
		w := watching(t, mix)
		if mix == "ask" {
			w.Answer(until(t, w, "the question", func(s *compare.Snapshot) bool { return s.Question != nil }).Question, false)
		}
		s := until(t, w, "the failure", func(s *compare.Snapshot) bool { return !s.Loading && s.Err != nil })
		if s.Question != nil {
			t.Errorf("%s: %+v is asked still", mix, s.Question)
		}
	}
}

func TestAGeneratorIsRunWithoutAQuestionWhereTheProfileSaysSo(t *testing.T) {
	t.Parallel()
	w := watching(t, "always")
	until(t, w, "the tree", func(s *compare.Snapshot) bool {
		if s.Question != nil {
			t.Error("it was asked")
			w.Answer(s.Question, true)
		}
		return made(s)
	})
}
