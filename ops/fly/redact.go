package fly

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/plaintext"
)

// maxMessage is how much of a message from outside an error shows, in characters.
const maxMessage = 600

// echoes are the forms in which a server may give a secret back: as it is, and as URL, JSON, Go or base64 write it.
func echoes(secret string) []string {
	js, _ := json.Marshal(secret) // a string always has a JSON form
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret),
		strings.Trim(string(js), `"`), strings.Trim(strconv.Quote(secret), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// clean makes text from outside fit for an error: one line, without control characters, without tokens. Control
// characters go first, so that they cannot hide a token from the search.
func (t Token) clean(text string) string {
	const enough = 16 << 10 // more than is shown, so that a cut cannot split a token that would be shown
	return plaintext.Line(t.redact(plaintext.Line(text, enough)), maxMessage)
}

// safe is an error of the transport whose text has been cleaned. errors.Is and errors.As see what is inside; its text
// cannot be reached through errors.Unwrap.
type safe struct {
	text string
	err  error
}

func (s safe) Error() string        { return s.text }
func (s safe) Is(target error) bool { return errors.Is(s.err, target) }
func (s safe) As(target any) bool   { return errors.As(s.err, target) }

// safely cleans err.
func (t Token) safely(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // its text would repeat the address
	}
	return safe{t.clean(err.Error()), err}
}

// Clean makes text from outside fit for an error: one line, without control characters, and without t or anything else that
// looks like a token. It is for protocols that are not this package's; see Reveal.
func (t Token) Clean(text string) string { return t.clean(text) }
