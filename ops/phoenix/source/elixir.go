package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ops-console/ops/phoenix"
	"ops-console/ops/plaintext"
)

// toolchain is an Elixir and the Erlang beneath it.
type toolchain struct {
	program string
	version phoenix.Version
	otp     string
	path    string // for programs that it starts
}

// findElixir asks the Elixir that the user's own environment finds where it and its Erlang are, so that they can be run
// without that environment: what stands in PATH may be a version manager's.
func findElixir(ctx context.Context, program string) (*toolchain, error) {
	if program == "" {
		program = "elixir"
	}
	const within = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-e",
		`IO.puts(Enum.join([System.version(), :erlang.system_info(:otp_release), :code.lib_dir(:elixir), :code.root_dir()], "\n"))`)
	ownGroup(cmd)
	out := bounded{limit: 64 << 10}
	cmd.Stdout = &out
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%w: elixir is not installed", ErrNone)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("elixir did not say its version within %s", within)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("ask elixir for its version: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(out.kept.String()), "\n")
	if len(lines) < 4 {
		return nil, fmt.Errorf("ask elixir for its version: it answers %.80q", out.kept.String())
	}
	lines = lines[len(lines)-4:]
	t := &toolchain{otp: strings.TrimSpace(lines[1])}
	if t.version, err = phoenix.ParseVersion(strings.TrimSpace(lines[0])); err != nil {
		return nil, fmt.Errorf("ask elixir for its version: %w", err)
	}
	if strings.ContainsFunc(t.otp, func(r rune) bool { return r < '0' || r > '9' }) {
		return nil, fmt.Errorf("ask elixir for its version: OTP is %.40q", t.otp)
	}
	bin := filepath.Join(strings.TrimSpace(lines[2]), "..", "..", "bin")
	t.program = filepath.Join(bin, "elixir")
	if _, err := os.Stat(t.program); err != nil {
		if t.program, err = exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("find elixir: %w", err)
		}
		bin = filepath.Dir(t.program)
	}
	t.path = strings.Join([]string{bin, filepath.Join(strings.TrimSpace(lines[3]), "bin"), "/usr/bin", "/bin"}, string(filepath.ListSeparator))
	return t, nil
}

// runs says what is wrong with the requirement of something that is to be run.
func (t *toolchain) runs(what, requirement string) error {
	if requirement == "" {
		return nil
	}
	ok, err := satisfies(requirement, t.version)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if !ok {
		return fmt.Errorf("%s needs Elixir %s, and %s is installed: install a newer one, or take a snapshot", what, requirement, t.version)
	}
	return nil
}

// run elixir in a directory, with nothing of the user's environment but the two programs themselves, and a home within work.
func (t *toolchain) run(ctx context.Context, within time.Duration, work, dir string, args ...string) error {
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.program, args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + t.path, "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TERM=dumb", "MIX_ENV=prod", "HEX_OFFLINE=1",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
	}
	for name, sub := range map[string]string{"HOME": "home", "TMPDIR": "tmp", "MIX_HOME": "mix", "MIX_ARCHIVES": "archives", "XDG_CACHE_HOME": "home"} {
		at := filepath.Join(work, sub)
		if err := os.MkdirAll(at, 0o700); err != nil {
			return err
		}
		cmd.Env = append(cmd.Env, name+"="+at)
	}
	cmd.Stdin = strings.NewReader("n\n") // it asks whether to install dependencies, up to 1.5.5
	out := tail{limit: 8 << 10}
	cmd.Stdout, cmd.Stderr = &out, &out
	ownGroup(cmd)
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case asked.Err() != nil:
		return asked.Err()
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("it did not end within %s and was killed", within)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(string(out.kept), work, "…")), " ")
	if end := []rune(text); len(end) > shown {
		text = "…" + string(end[len(end)-shown:])
	}
	return fmt.Errorf("%w: %s", err, plaintext.Line(text, shown+1))
}

// shown is how much of what a program said last is part of an error.
const shown = 600

// tail keeps the last bytes of what is written to it.
type tail struct {
	kept  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-t.limit):]...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}
