// Package logs follows what the instances of an application say. Lines come live over the private network where that can
// be had, and are asked of the platform's web API before that (the past), between (what a gap swallowed) and otherwise
// (polling): one ordered stream without doubles, kept in a bounded ring, published at most ten times a second.
//
// It reads only, decides nothing about what the lines say, writes no file, and never lets the token into a line, an error or
// a state. Every text of a Line is safe to show: it went through ops/plaintext.
package logs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Provider is the part of the platform that passed a line on.
type Provider string

// The providers. The platform may have others: they are kept as they are named.
const (
	App    Provider = "app"    // what an instance wrote itself
	Runner Provider = "runner" // the host: images, starts, stops, exits
	Proxy  Provider = "proxy"  // the edge: requests that it could not hand to an instance
)

// Providers are the known ones.
func Providers() []Provider { return []Provider{App, Runner, Proxy} }

// Level is how bad a line is. Levels are ordered: Debug < Info < Warn < Error.
type Level uint8

// The levels. A line has none where neither the platform nor the line itself names one.
const (
	NoLevel Level = iota
	Debug
	Info
	Warn
	Error
)

// Levels are all but NoLevel, the least bad first.
func Levels() []Level { return []Level{Debug, Info, Warn, Error} }

var levelNames = [...]string{NoLevel: "", Debug: "debug", Info: "info", Warn: "warn", Error: "error"}

// String is the level's name in lower case, empty for NoLevel.
func (l Level) String() string {
	if int(l) >= len(levelNames) {
		return ""
	}
	return levelNames[l]
}

// ParseLevel reads the name of a level, as people and loggers write it: warning is warn, critical is error, notice is info.
func ParseLevel(s string) (Level, error) {
	if l := levelNamed(s); l != NoLevel {
		return l, nil
	}
	return NoLevel, fmt.Errorf("no level %q: there are debug, info, warn and error", s)
}

// Line is one line of the log. Strings are plain text: one line, without control characters.
type Line struct {
	Seq      uint64    // its place in a Ring, from 1; 0 outside of one
	At       time.Time // UTC, as the platform stamped it; see Unstamped
	Received time.Time // when it came here
	Region   string    // code; empty: of no region
	Machine  string    // id; empty: of no machine
	Host     string    // of the platform that sent it; empty where the source does not say
	Provider Provider
	Level    Level    // what the line names itself, else what the platform says
	Message  string   // indentation kept; at most MaxMessage characters, with an ellipsis where it was cut
	Request  *Request // of the proxy's lines; nil elsewhere

	// Unstamped says that the platform gave no time, or an impossible one, and At is Received.
	Unstamped bool
}

// MaxMessage is how many characters of a message are kept.
const MaxMessage = 4096

// Request is what a line of the proxy says about the request it is about. Zero values were not said.
type Request struct {
	ID     string
	Method string
	URL    string
	Status int    // of the answer
	Code   int    // of the proxy's own error
	Error  string // the proxy's own text
}

// Filter says which lines are meant. The zero value means all of them.
type Filter struct {
	Machine  string         // id, or the beginning of it
	Region   string         // code
	Provider Provider       //
	Level    Level          // at least; lines without a level have none of them
	Text     *regexp.Regexp // found in the message; see Pattern
}

// Match tells whether a line is meant.
func (f *Filter) Match(l *Line) bool {
	switch {
	case f.Level > l.Level,
		f.Region != "" && f.Region != l.Region,
		f.Provider != "" && f.Provider != l.Provider,
		f.Machine != "" && !strings.HasPrefix(l.Machine, f.Machine):
		return false
	}
	return f.Text == nil || f.Text.MatchString(l.Message)
}

// IsZero tells whether all lines are meant.
func (f *Filter) IsZero() bool { return *f == Filter{} }

// Pattern reads what to look for in messages: a regular expression (RE2), whose letters mean both cases where none of them
// is upper case. An empty text is nil, which matches everything.
func Pattern(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	expr := text
	if !slices.ContainsFunc([]rune(text), unicode.IsUpper) {
		expr = "(?i)" + text
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("not a regular expression: %w", err)
	}
	return re, nil
}
