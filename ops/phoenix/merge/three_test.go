package merge

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

var labels = Labels{"mine", "base", "theirs"}

func TestThree(t *testing.T) {
	for _, c := range []struct{ name, base, mine, theirs, want string }{
		{"only theirs", "a b c d e", "a b c d e", "a X c d e", "a X c d e"},
		{"only mine", "a b c d e", "a X c d e", "a b c d e", "a X c d e"},
		{"apart", "a b c d e", "X b c d e", "a b c d Y", "X b c d Y"},
		{"alike", "a b c", "a X c", "a X c", "a X c"},
		{"a conflict", "a b c", "a X c", "a Y c", "a <<<<<<<~mine X |||||||~base b ======= Y >>>>>>>~theirs c"},
		{"neighbours are a conflict", "a b c d", "a X c d", "a b Y d", "a <<<<<<<~mine X c |||||||~base b c ======= b Y >>>>>>>~theirs d"},
		{"added by both", "", "a", "b", "<<<<<<<~mine a |||||||~base ======= b >>>>>>>~theirs"},
		{"removed and changed", "a b c", "a c", "a X c", "a <<<<<<<~mine |||||||~base b ======= X >>>>>>>~theirs c"},
	} {
		text := func(s string) string {
			var b strings.Builder
			for w := range strings.FieldsSeq(s) {
				b.WriteString(strings.ReplaceAll(w, "~", " ") + "\n")
			}
			return b.String()
		}
		if diff := cmp.Diff(text(c.want), Three(text(c.base), text(c.mine), text(c.theirs)).String(labels)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestMergesAreGits(t *testing.T) {
	git := newGit(t)
	rapid.Check(t, func(t *rapid.T) {
		base := text(t, "base")
		git.check(t, base, variant(t, base, "mine"), variant(t, base, "theirs"))
	})
}

func TestMergesOfLargeTextsAreGits(t *testing.T) {
	git := newGit(t)
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 3))
		words := []int{3, 60, 900, 9000}[seed%4]
		var base, mine, theirs []string
		for range 1500 {
			base = append(base, strconv.Itoa(r.IntN(words)))
		}
		for _, side := range []*[]string{&mine, &theirs} {
			for i := 0; i < len(base); {
				n := min(1+r.IntN(50), len(base)-i)
				switch r.IntN(5) {
				case 0:
					for range r.IntN(30) {
						*side = append(*side, strconv.Itoa(r.IntN(words)))
					}
				case 1:
				default:
					*side = append(*side, base[i:i+n]...)
				}
				i += n
			}
		}
		git.check(t, strings.Join(base, "\n"), strings.Join(mine, "\n"), strings.Join(theirs, "\n"))
	}
}

func TestMergesOfTheFixturesAreGits(t *testing.T) {
	git := newGit(t)
	trees := phoenixtest.Trees(t)
	for _, p := range trees[1].Paths() {
		var three []string
		for _, tree := range []*phoenix.Tree{trees[1], trees[2], trees[3]} {
			three = append(three, string(tree.Files[p].Data))
		}
		if bytes.IndexByte([]byte(strings.Join(three, "")), 0) >= 0 {
			continue
		}
		git.check(t, three[0], three[1], three[2])
		git.check(t, three[1], three[0], three[2])
	}
}

// What a file is said to be, and what becomes of it, is what git would make of it: above all, what git calls a conflict is
// never called clean.
func TestStatesOfFilesAgreeWithGit(t *testing.T) {
	git := newGit(t)
	clean, conflicting := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		lines := text(t, "base")
		base, mine, theirs := strings.Join(lines, ""), variant(t, lines, "mine"), variant(t, lines, "theirs")
		tree := func(s string) *phoenix.Tree {
			return &phoenix.Tree{Files: map[string]phoenix.File{"lib/x.ex": {Data: []byte(s)}, "mix.exs": {}}}
		}
		p, err := Classify(tree(base), tree(theirs), tree(mine), Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := p.Files[0]
		if strings.Contains(base+mine+theirs, "\r") {
			return // the generator's text gets the application's line ends first
		}
		want, conflicts := git.merge(t, base, mine, theirs)
		switch f.State {
		case Unchanged, Untouched, Has, Merges, Applied:
			clean++
			if conflicts > 0 {
				t.Fatalf("git has %d conflicts, and this is %s:\n%q\n%q\n%q", conflicts, f.State, base, mine, theirs)
			}
		case Conflicts:
			conflicting++
			if conflicts == 0 {
				t.Fatalf("git merges it, and this is %s:\n%q\n%q\n%q", f.State, base, mine, theirs)
			}
		default:
			t.Fatalf("%s", f.State)
		}
		got := string(f.mine.Data)
		if f.Actionable() {
			out, _, err := f.Result(p, nil)
			if err != nil {
				t.Fatal(err)
			}
			got = string(out.Data)
		}
		want = strings.NewReplacer("<<<<<<< mine", "<<<<<<< yours", "||||||| base", "||||||| generated", ">>>>>>> theirs", ">>>>>>> generated").Replace(want)
		if got != want {
			t.Errorf("%s", cmp.Diff(want, got))
		}
	})
	if clean < 5 || conflicting < 5 {
		t.Errorf("%d clean and %d conflicting ones: too few to tell", clean, conflicting)
	}
}

// text of few different lines, so that much repeats; now and then with CR LF or without a last line end.
func text(t *rapid.T, label string) []string {
	n := rapid.SampledFrom([]int{2, 4, 12}).Draw(t, label+": vocabulary")
	end := rapid.SampledFrom([]string{"\n", "\n", "\n", "\r\n"}).Draw(t, label+": line end")
	var ll []string
	for _, w := range rapid.SliceOfN(rapid.IntRange(0, n), 0, 24).Draw(t, label) {
		ll = append(ll, strconv.Itoa(w)+end)
	}
	return ll
}

func variant(t *rapid.T, base []string, label string) string {
	var out []string
	for i := 0; i < len(base); {
		n := min(rapid.IntRange(1, 8).Draw(t, label+": run"), len(base)-i)
		switch rapid.IntRange(0, 5).Draw(t, label+": edit") {
		case 0:
			out = append(out, text(t, label+": instead")...)
		case 1:
			out = append(append(out, text(t, label+": before")...), base[i:i+n]...)
		default:
			out = append(out, base[i:i+n]...)
		}
		i += n
	}
	s := strings.Join(out, "")
	if rapid.IntRange(0, 3).Draw(t, label+": open end") == 0 {
		s = strings.TrimSuffix(s, "\n")
	}
	return s
}

type oracle struct{ dir string }

func newGit(t *testing.T) oracle {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
	return oracle{t.TempDir()}
}

type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// check compares a merge with git's, byte for byte, and that its chunks are the three texts.
func (g oracle) check(t failer, base any, mine, theirs string) {
	t.Helper()
	b, ok := base.(string)
	if !ok {
		b = strings.Join(base.([]string), "")
	}
	out, conflicts := g.merge(t, b, mine, theirs)
	merged := Three(b, mine, theirs)
	if got := merged.Conflicts(); min(got, 127) != conflicts {
		t.Errorf("%d conflicts, git has %d:\n%q\n%q\n%q", got, conflicts, b, mine, theirs)
	}
	if diff := cmp.Diff(out, merged.String(labels)); diff != "" {
		t.Errorf("%q\n%q\n%q\n%s", b, mine, theirs, diff)
	}
	var whole [3]strings.Builder
	for _, c := range merged.Chunks {
		for i, ll := range [][]string{c.Base, c.Mine, c.Theirs} {
			whole[i].WriteString(strings.Join(ll, ""))
		}
	}
	if whole[0].String() != b || whole[1].String() != mine || whole[2].String() != theirs {
		t.Errorf("chunks are not the texts: %+v", merged.Chunks)
	}
}

// merge is what git makes of three texts, and how many conflicts it finds.
func (g oracle) merge(t failer, base, mine, theirs string) (text string, conflicts int) {
	t.Helper()
	for name, s := range map[string]string{"base": base, "mine": mine, "theirs": theirs} {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("git", "merge-file", "-p", "--diff3", "-L", "mine", "-L", "base", "-L", "theirs", "mine", "base", "theirs")
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.Output()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func FuzzThree(f *testing.F) {
	f.Add("a\nb\n", "a\nx\n", "a\ny")
	f.Add("", "a\r\n", "b\r\n")
	f.Fuzz(func(t *testing.T, base, mine, theirs string) {
		m := Three(base, mine, theirs)
		if got := m.Choose(labels, func(int, Chunk) bool { return false }); got != mine {
			t.Errorf("nothing taken gives %q, want %q", got, mine)
		}
		if got := Three(base, mine, base).String(labels); got != mine {
			t.Errorf("nothing new gives %q, want %q", got, mine)
		}
		if got := Three(base, base, theirs).String(labels); got != theirs {
			t.Errorf("nothing of mine gives %q, want %q", got, theirs)
		}
	})
}
