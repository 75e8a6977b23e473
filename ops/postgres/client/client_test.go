package client

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ops-console/ops/postgres/pgcluster"
)

// script is a program that is a shell script.
func script(t *testing.T, dir, name, text string) Program {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// What is begun while it is open for writing keeps it so for a moment, in which it could not be run: text file busy.
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return Program{Name: name, Path: path}
}

func TestTheOldestThatFitsIsFound(t *testing.T) {
	var dirs []string
	for _, v := range []string{"12.22", "9999.1", "9990.3 (Debian 9990.3-1)", "9995beta2"} {
		dir := filepath.Join(t.TempDir(), v, "bin")
		script(t, dir, "pg_dump", "echo 'pg_dump (PostgreSQL) "+v+"'")
		dirs = append(dirs, dir)
	}
	broken := filepath.Join(t.TempDir(), "broken")
	script(t, broken, "pg_dump", "exit 1")
	t.Setenv(pgcluster.Env, strings.Join(append(dirs, broken, ""), string(os.PathListSeparator)))
	for min, want := range map[int]string{9000: "9990.3", 9990: "9990.3", 9991: "9995beta2", 9996: "9999.1", 0: "9999.1"} {
		p, err := Find(t.Context(), "pg_dump", min)
		if err != nil || p.Version != want || p.Name != "pg_dump" {
			t.Errorf("%d or later: %+v, %v; want %s", min, p, err, want)
		}
	}
	_, err := Find(t.Context(), "pg_dump", 10000)
	if !errors.Is(err, ErrNoProgram) || !strings.Contains(err.Error(), "apt-get install postgresql-client-10000") || !strings.Contains(err.Error(), "newest is 9999.1") {
		t.Error(err)
	}
	if _, err := Find(t.Context(), "pg_nothing", 1); !errors.Is(err, ErrNoProgram) || !strings.Contains(err.Error(), "there is none") {
		t.Error(err)
	}
}

func TestErrorsOfPrograms(t *testing.T) {
	full := errors.New("no space left")
	for name, c := range map[string]struct {
		text string
		c    Command
		want string
		is   error
	}{
		"status":           {text: "echo one >&2; printf 'two\\033[31m' >&2; exit 3", want: "prog: exit status 3: one; two"},
		"killed":           {text: "kill -9 $$", want: "signal: killed"},
		"cannot be run":    {c: Command{Program: Program{Name: "prog", Path: "/nonexistent/prog"}}, want: "no such file"},
		"standard output":  {text: "echo x; sleep 60", c: Command{Stdout: failing{full}}, is: full, want: "prog: no space left"},
		"standard input":   {text: "cat >/dev/null; exit 1", c: Command{Stdin: failing{full}}, is: full, want: "prog: no space left"},
		"input, ends well": {text: "cat >/dev/null", c: Command{Stdin: failing{full}}, is: full, want: "prog: no space left"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.text != "" {
				c.c.Program = script(t, t.TempDir(), "prog", c.text)
			}
			err := c.c.Run(t.Context())
			if f := (*Failed)(nil); !errors.As(err, &f) || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
func (f failing) Read([]byte) (int, error)  { return 0, f.err }

func TestAFloodOfWordsIsKeptShort(t *testing.T) {
	t.Parallel()
	p := script(t, t.TempDir(), "prog", `
head -c 3000000 /dev/zero | tr '\0' x >&2
echo >&2
i=0; while [ $i -lt 20000 ]; do echo "line $i of many"; i=$((i+1)); done >&2
printf last >&2
exit 1`)
	seen := 0
	err := (&Command{Program: p, Line: func(string) { seen++ }}).Run(t.Context())
	f := (*Failed)(nil)
	if !errors.As(err, &f) || len(f.Says) != maxLines || f.Says[maxLines-1] != "last" || len(err.Error()) > 700 {
		t.Errorf("%v", err)
	}
	if seen != 20002 {
		t.Errorf("%d lines were told, want 20002", seen)
	}
}

// TestWhatIgnoresItsEndIsKilled is a program that neither ends when told to nor takes what it started with it.
func TestWhatIgnoresItsEndIsKilled(t *testing.T) {
	t.Parallel()
	p := script(t, t.TempDir(), "prog", "trap '' TERM; sleep 60 & echo $!; wait; sleep 60")
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("the snapshot is too old")
	out := make(chan string, 16)
	done := make(chan error, 1)
	go func() {
		done <- (&Command{Program: p, Stdout: lines(out), Grace: 1}).Run(ctx)
	}()
	child := strings.TrimSpace(<-out)
	cancel(enough)
	if err := <-done; !errors.Is(err, enough) {
		t.Error(err)
	}
	waitFor(t, "the program's child to end", func() bool { return !alive(child) })
}

type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestOutputIsWhole(t *testing.T) {
	t.Parallel()
	p := script(t, t.TempDir(), "prog", "cat; cat \"$0\" >/dev/null; echo end")
	var out strings.Builder
	in := strings.Repeat("0123456789abcdef", 1<<17)
	if err := (&Command{Program: p, Stdin: strings.NewReader(in), Stdout: &out}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out.String() != in+"end\n" {
		t.Errorf("%d bytes, want %d", out.Len(), len(in)+4)
	}
}

func FuzzListener(f *testing.F) {
	f.Add([]byte("a\nb\n\x1b[31mc"), 2)
	f.Add([]byte(strings.Repeat("x", 9000)+"\n"), 100)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		told := 0
		l := &listener{clean: (&Command{}).clean, line: func(s string) {
			told++
			if strings.ContainsAny(s, "\x1b\n\r\x00") {
				t.Fatalf("%q is not safe to show", s)
			}
		}}
		for rest := b; len(rest) > 0; {
			n := min(max(size, 1), len(rest))
			if w, err := l.Write(rest[:n]); w != n || err != nil {
				t.Fatal(w, err)
			}
			rest = rest[n:]
		}
		if last := l.end(); len(l.part) > maxLine || len(last) > maxLines || len(last) > told {
			t.Fatalf("%d bytes and %d lines are kept", len(l.part), len(last))
		}
	})
}
