package conf

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// errKey is the only thing said about a malformed key.
var errKey = errors.New("not a 32-byte key in base64")

// Key is a private or preshared key. The zero value means that there is none.
//
// It refuses to print, log or marshal itself. The bytes sit behind a function because fmt skips the methods of values
// it reaches through unexported fields, and prints an array whole, under some verbs also one behind a pointer. Copies
// share the bytes, so Zero clears all of them; == does not compile, use Equal.
type Key struct {
	secret func() *[32]byte // nil: none
}

// NewKey copies 32 bytes into a Key. All zeros give the zero Key.
func NewKey(b [32]byte) Key {
	if b == ([32]byte{}) {
		return Key{}
	}
	return Key{secret: func() *[32]byte { return &b }}
}

// GenerateKey makes a new private key from the system's randomness.
func GenerateKey() Key {
	p, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic("conf: the system has no randomness: " + err.Error()) // crypto/rand ends the program before this
	}
	return NewKey([32]byte(p.Bytes()))
}

// ParseKey reads a key as wg(8) writes it: 44 characters of strict base64. The zero key is refused: it would mean
// "no key" to WireGuard. The error does not contain the text.
func ParseKey(s string) (Key, error) {
	b, err := parse32(s)
	if err != nil {
		return Key{}, err
	}
	if b == ([32]byte{}) {
		return Key{}, errors.New("a key of zeros")
	}
	return NewKey(b), nil
}

// IsZero reports that there is no key.
func (k Key) IsZero() bool { return k.Bytes() == [32]byte{} }

// Equal reports that both are the same key.
func (k Key) Equal(o Key) bool { return k.Bytes() == o.Bytes() }

// Bytes returns the secret itself.
func (k Key) Bytes() [32]byte {
	if k.secret == nil {
		return [32]byte{}
	}
	return *k.secret()
}

// Base64 returns the secret itself as wg(8) writes it.
func (k Key) Base64() string {
	b := k.Bytes()
	return base64.StdEncoding.EncodeToString(b[:])
}

// Public is the public half of a private key; the zero PublicKey when there is none.
func (k Key) Public() PublicKey {
	if k.IsZero() {
		return PublicKey{}
	}
	p, err := ecdh.X25519().NewPrivateKey(k.secret()[:])
	if err != nil {
		return PublicKey{}
	}
	return PublicKey(p.PublicKey().Bytes())
}

// Zero overwrites the bytes of this Key and of every copy of it.
func (k *Key) Zero() {
	if k.secret != nil {
		clear(k.secret()[:])
	}
}

// String hides the key.
func (Key) String() string { return redacted }

// GoString hides the key.
func (Key) GoString() string { return redacted }

// Format hides the key under every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the key.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the key from JSON, TOML and their like.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// PublicKey names a peer. It prints as base64.
type PublicKey [32]byte

// ParsePublicKey reads a public key as wg(8) writes it. The zero key is refused.
func ParsePublicKey(s string) (PublicKey, error) {
	b, err := parse32(s)
	if err != nil {
		return PublicKey{}, err
	}
	if b == ([32]byte{}) {
		return PublicKey{}, errors.New("a key of zeros")
	}
	return PublicKey(b), nil
}

// IsZero reports that there is no key.
func (k PublicKey) IsZero() bool { return k == PublicKey{} }

// String is the key as wg(8) writes it.
func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// Short is enough of the key to tell peers apart.
func (k PublicKey) Short() string { return k.String()[:8] + "…" }

// MarshalText is String.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is ParsePublicKey.
func (k *PublicKey) UnmarshalText(b []byte) (err error) {
	*k, err = ParsePublicKey(string(b))
	return err
}

func parse32(s string) (k [32]byte, err error) {
	if len(s) != 44 {
		return k, errKey
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(k) {
		return k, errKey
	}
	copy(k[:], b)
	clear(b)
	return k, nil
}
