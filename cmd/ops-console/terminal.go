package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
)

// width is the columns of the terminal that output goes to; 0: it is not one.
func (e *env) width() int {
	f, ok := e.stdout.(*os.File)
	if !ok || !term.IsTerminal(f.Fd()) {
		return 0
	}
	w, _, err := term.GetSize(f.Fd())
	if err != nil {
		return 0
	}
	return w
}

// color says whether output may be coloured: to a terminal, and not where NO_COLOR is set to anything.
func (e *env) color() bool {
	return e.width() > 0 && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb"
}

// confirm asks at the terminal. Without one, only --yes will do.
func (e *env) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(e.stdin.Fd()) {
		return usage(errors.New("this changes something outside: there is no terminal to ask at, say --yes"))
	}
	fmt.Fprintf(e.stderr, "%s [y/N] ", question)
	answer, err := bufio.NewReader(e.stdin).ReadString('\n')
	if err != nil || !strings.EqualFold(strings.TrimSpace(answer), "y") {
		return usage(errors.New("not confirmed, nothing was changed"))
	}
	return nil
}
