// Package report writes lines of a log: as text for people, and as JSON, one object per line, for programs. It decides
// nothing: what a line means was said by package logs.
package report

import (
	"cmp"
	"encoding/json"
	"io"
	"time"

	"ops-console/ops/logs"
)

// Options of Text.
type Options struct {
	Color bool // levels in colour, beside their words
}

// Writer writes lines one after the other. It is not safe for concurrent use.
type Writer struct {
	w     io.Writer
	write func(b []byte, l *logs.Line) []byte
	buf   []byte
}

// Text writes lines for people.
func Text(w io.Writer, o Options) *Writer {
	return &Writer{w: w, write: func(b []byte, l *logs.Line) []byte { return appendText(b, l, o) }}
}

// JSON writes each line as one object on a line of its own. docs/logs.md says what is in it.
func JSON(w io.Writer) *Writer {
	return &Writer{w: w, write: appendJSON}
}

// flushAt is how much is written at once, at least, as long as there is more.
const flushAt = 32 << 10

// Write writes lines, at once.
func (w *Writer) Write(lines ...*logs.Line) error {
	w.buf = w.buf[:0]
	for i, l := range lines {
		w.buf = w.write(w.buf, l)
		if len(w.buf) < flushAt && i < len(lines)-1 {
			continue
		}
		if _, err := w.w.Write(w.buf); err != nil {
			return err
		}
		w.buf = w.buf[:0]
	}
	return nil
}

// Sequences of the colours of a terminal, by what is coloured.
const (
	reset = "\x1b[0m"
	faint = "\x1b[2m"
)

var colors = map[logs.Level]string{logs.Warn: "\x1b[33m", logs.Error: "\x1b[31m", logs.Debug: faint}

// stampFormat is a time, to the millisecond: nothing is told apart by less, for people.
const stampFormat = "2006-01-02T15:04:05.000Z"

func appendText(b []byte, l *logs.Line, o Options) []byte {
	paint := func(color, s string, width int) {
		if o.Color && color != "" {
			b = append(b, color...)
		}
		b = append(b, s...)
		if o.Color && color != "" {
			b = append(b, reset...)
		}
		for n := len(s); n < width; n++ {
			b = append(b, ' ')
		}
		b = append(b, ' ')
	}
	at := l.At.UTC().Format(stampFormat)
	if l.Unstamped {
		at = l.At.UTC().Format("2006-01-02T15:04:05.~~~Z") // when it came, not when it was written
	}
	paint(faint, at, 0)
	paint("", cmp.Or(l.Region, "-"), 3)
	paint("", cmp.Or(l.Machine, "-"), 14)
	paint(faint, cmp.Or(string(l.Provider), "-"), 6)
	paint(colors[l.Level], cmp.Or(l.Level.String(), "-"), 5)
	b = append(b, l.Message...)
	return append(b, '\n')
}

// line is a line as JSON.
type line struct {
	Time      time.Time `json:"time"`
	Unstamped bool      `json:"unstamped,omitempty"`
	Region    string    `json:"region,omitempty"`
	Machine   string    `json:"machine,omitempty"`
	Host      string    `json:"host,omitempty"`
	Provider  string    `json:"provider,omitempty"`
	Level     string    `json:"level,omitempty"`
	Message   string    `json:"message"`
	Request   *request  `json:"request,omitempty"`
}

type request struct {
	ID     string `json:"id,omitempty"`
	Method string `json:"method,omitempty"`
	URL    string `json:"url,omitempty"`
	Status int    `json:"status,omitempty"`
	Code   int    `json:"error_code,omitempty"`
	Error  string `json:"error,omitempty"`
}

func appendJSON(b []byte, l *logs.Line) []byte {
	out := line{
		Time: l.At.UTC(), Unstamped: l.Unstamped, Region: l.Region, Machine: l.Machine, Host: l.Host, Provider: string(l.Provider),
		Level: l.Level.String(), Message: l.Message, Request: (*request)(l.Request),
	}
	js, err := json.Marshal(out)
	if err != nil {
		return b // of strings, numbers and a time within the years of RFC 3339 there is always one
	}
	return append(append(b, js...), '\n')
}
