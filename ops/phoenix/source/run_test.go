package source

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestOutputOfProgramsIsBounded(t *testing.T) {
	first, last := bounded{limit: 5}, tail{limit: 5}
	for _, w := range []io.Writer{&first, &last} {
		// As a command's output is copied: by whatever way the writer offers.
		for range 3 {
			if n, err := io.Copy(w, struct{ io.Reader }{strings.NewReader("0123456789")}); n != 10 || err != nil {
				t.Errorf("%d %v", n, err)
			}
		}
	}
	if got := first.kept.String() + " " + string(last.kept); got != "01234 56789" {
		t.Errorf("kept %q", got)
	}
	small := tail{limit: 5}
	for _, s := range []string{"a", "bc", "", "defg"} {
		if _, err := small.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if string(small.kept) != "cdefg" {
		t.Errorf("kept %q", small.kept)
	}
}

func TestAProgramEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "trap '' TERM INT; sleep 600 & sleep 600")
	ownGroup(cmd)
	var out bounded
	cmd.Stdout = &out // the copying of it ends when all that hold it have
	started := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || time.Since(started) > cmd.WaitDelay {
		t.Errorf("it ended after %s with %v", time.Since(started), err)
	}
}

func TestAGateLetsOneThroughAndWaitersGiveUp(t *testing.T) {
	var g gate
	if err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- g.enter(ctx) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	g.leave()
	if err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.leave()
}
