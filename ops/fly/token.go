package fly

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// Token is one or more of the platform's tokens. It never shows itself: every way of printing or encoding it gives
// "[token]". The zero value is no token.
type Token struct {
	// A pointer, because fmt follows unexported fields of a struct that holds a Token without asking its methods, but
	// does not follow pointers.
	s *string
}

const hidden = "[token]"

// TokenSource gives the token when it is needed. It returns an error that is ErrNoToken where it has none.
type TokenSource func(context.Context) (Token, error)

// NewToken reads a token as people paste it: alone, several with commas between them, with or without the scheme
// "Bearer" or "FlyV1" before it.
func NewToken(s string) (Token, error) {
	s = strings.TrimSpace(s)
	for {
		scheme, rest, _ := strings.Cut(s, " ")
		if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "flyv1") {
			break
		}
		s = strings.TrimSpace(rest)
	}
	var parts []string
	for p := range strings.SplitSeq(s, ",") {
		if p = strings.TrimSpace(p); p != "" && !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return Token{}, ErrNoToken
	}
	s = strings.Join(parts, ",")
	if len(s) > 64<<10 {
		return Token{}, fmt.Errorf("the token is %d bytes long, which no token is", len(s))
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return Token{}, fmt.Errorf("the token has a character in it that no token has (at byte %d of %d)", i+1, len(s))
		}
	}
	return Token{&s}, nil
}

// IsZero tells whether there is no token.
func (t Token) IsZero() bool { return t.s == nil || *t.s == "" }

// Equal tells whether two tokens are the same, in constant time for tokens of one length.
func (t Token) Equal(u Token) bool {
	return subtle.ConstantTimeCompare([]byte(t.all()), []byte(u.all())) == 1
}

// Source is a source that gives t.
func (t Token) Source() TokenSource {
	return func(context.Context) (Token, error) {
		if t.IsZero() {
			return t, ErrNoToken
		}
		return t, nil
	}
}

// Reveal is the token itself as the Machines API gets it, without a scheme, for protocols that are not this package's
// (the log stream's password). Whoever calls it keeps it out of every message.
func (t Token) Reveal() string {
	if mm := t.macaroons(); len(mm) > 0 {
		return strings.Join(mm, ",")
	}
	return t.all()
}

func (t Token) all() string {
	if t.s == nil {
		return ""
	}
	return *t.s
}

func (t Token) parts() []string {
	if t.IsZero() {
		return nil
	}
	return strings.Split(*t.s, ",")
}

// macaroons are the parts the platform calls so: fm1r_, fm1a_, fm2_.
func (t Token) macaroons() []string {
	return slices.DeleteFunc(t.parts(), func(p string) bool { return !macaroon(p) })
}

func macaroon(p string) bool {
	kind, _, ok := strings.Cut(p, "_")
	return ok && (kind == "fm1r" || kind == "fm1a" || kind == "fm2")
}

// machinesAuth is the header the Machines API wants: the macaroons if there are any, else the OAuth token.
func (t Token) machinesAuth() string {
	if mm := t.macaroons(); len(mm) > 0 {
		return "FlyV1 " + strings.Join(mm, ",")
	}
	return t.webAuth()
}

// graphAuth is the header GraphQL wants: every token, macaroons first and under their scheme if there are any.
func (t Token) graphAuth() string {
	mm := t.macaroons()
	if len(mm) == 0 {
		return t.webAuth()
	}
	return "FlyV1 " + strings.Join(append(mm, slices.DeleteFunc(t.parts(), macaroon)...), ",")
}

// webAuth is the header the web REST API wants: every token as Bearer.
func (t Token) webAuth() string { return "Bearer " + t.all() }

// String is "[token]", or empty for no token.
func (t Token) String() string {
	if t.IsZero() {
		return ""
	}
	return hidden
}

// GoString is String.
func (t Token) GoString() string { return t.String() }

// Format writes String, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) } //nolint:errcheck // fmt has nowhere to report it

// LogValue is String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText is String.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// looksLikeToken matches the forms of the platform's tokens, whosever they are.
var looksLikeToken = regexp.MustCompile(`(?:fo1|fm1[ra]|fm2)_[A-Za-z0-9_\-+/=.]{4,}|(?i:\b(?:bearer|flyv1))[ +]+[A-Za-z0-9_\-+/=.,]{20,}`)

// redact is text without t, in any form in which it may be echoed, and without anything else that looks like a token.
func (t Token) redact(text string) string {
	for _, p := range append([]string{t.all()}, t.parts()...) {
		if len(p) < 4 {
			continue
		}
		for _, form := range echoes(p) {
			text = strings.ReplaceAll(text, form, hidden)
		}
	}
	return looksLikeToken.ReplaceAllString(text, hidden)
}
