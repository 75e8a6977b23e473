package store

import (
	"errors"
	"strconv"
	"strings"

	"ops-console/ops/plaintext"
)

// What a failed call can be about. Ask with errors.Is.
var (
	ErrExists      = errors.New("there is an object of that name already")
	ErrNotFound    = errors.New("not found")
	ErrNoBucket    = errors.New("the bucket or directory is not there") // it is not made by itself
	ErrDenied      = errors.New("access denied")                        // also a wrong key or signature, or a file's permissions
	ErrExpired     = errors.New("the credentials expired")              // or the token was revoked
	ErrClock       = errors.New("the clocks differ too much")           // this machine's and the store's
	ErrFull        = errors.New("no space left")                        // disk, quota, or limit of a file's size
	ErrTooLarge    = errors.New("too large")                            // more parts than the store takes, or than a reader asked for
	ErrCorrupt     = errors.New("not what was written")                 // sizes or sums differ
	ErrUnavailable = errors.New("the store does not answer")            // also after trying again
	ErrUnsupported = errors.New("the store cannot do that")             // conditional writes, checksums
	ErrConfig      = errors.New("cannot be right")                      // address, key, options
	ErrClosed      = errors.New("closed")                               // written to after Commit, Abort or Close
)

// Error is a call that failed. errors.Is finds the sentinels above in it, and the cause.
type Error struct {
	Op     string // what was tried: "write", "commit", "list"
	Key    string // object or prefix; may be empty
	Store  string // as Store.String says
	Kind   error  // one of the sentinels; nil: none of them
	Status int    // HTTP status; 0: no answer, or no HTTP
	Code   string // the store's own word for it; may be empty
	Text   string // what happened, where Kind does not say it all; may be empty
	Hint   string // what to do next; may be empty
	Tries  int    // how often it was tried, where that was more than once

	Err error // the cause; may be nil, and never has a secret
}

// Error is one line, safe to show: what was tried, what happened, and what to do next.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Key != "" {
		b.WriteString(" " + plaintext.Line(e.Key, 300))
	}
	if e.Store != "" {
		b.WriteString(" in " + plaintext.Line(e.Store, 300))
	}
	b.WriteString(": " + e.what())
	if e.Hint != "" {
		b.WriteString(". " + e.Hint)
	}
	return b.String()
}

func (e *Error) what() string {
	var parts []string
	if e.Kind != nil {
		parts = append(parts, e.Kind.Error())
	}
	switch {
	case e.Text != "":
		parts = append(parts, plaintext.Line(e.Text, 300))
	case e.Err != nil:
		parts = append(parts, plaintext.Line(e.Err.Error(), 300))
	case e.Kind == nil:
		parts = append(parts, "failed")
	}
	return strings.Join(parts, ": ") + e.code() + tries(e.Tries)
}

// Unwrap gives what kind it is and the cause.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

func (e *Error) code() string {
	switch {
	case e.Code != "" && e.Status != 0:
		return " (" + plaintext.Line(e.Code, 60) + ", HTTP " + strconv.Itoa(e.Status) + ")"
	case e.Code != "":
		return " (" + plaintext.Line(e.Code, 60) + ")"
	case e.Status != 0:
		return " (HTTP " + strconv.Itoa(e.Status) + ")"
	}
	return ""
}

func tries(n int) string {
	if n < 2 {
		return ""
	}
	return ", tried " + strconv.Itoa(n) + " times"
}
