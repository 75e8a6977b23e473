// Command ops-console is the terminal operations console for Phoenix applications on Fly.io. This package holds the
// flags, one file per command, and the wiring; what the commands do is in ops, wg and tui.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := root(environment()).ExecuteContext(ctx)
	stop()
	os.Exit(exitStatus(os.Stderr, err))
}

// exit is an error with the status the process ends with. Without text it says nothing: the output already did.
type exit struct {
	status int
	err    error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// The exit statuses of every command.
const (
	statusBadNews = 1 // the answer is bad news
	statusUsage   = 2 // usage or configuration
	statusUnknown = 3 // could not find out
)

// usage marks an error as one of usage or configuration.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exit{statusUsage, err}
}

// unknown marks an error as a failure to find out.
func unknown(err error) error {
	if err == nil {
		return nil
	}
	return &exit{statusUnknown, err}
}

// exitStatus writes the one line an error is and gives the exit status. What cobra itself refuses is usage.
func exitStatus(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	var e *exit
	if !errors.As(err, &e) {
		e = &exit{statusUsage, err}
	}
	if e.err != nil && !errors.Is(e.err, context.Canceled) {
		fmt.Fprintln(w, "ops-console: "+oneLine(e.err.Error()))
	}
	return e.status
}
