package deploy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// MaxCopy bounds the copy of a plan in a machine's metadata, in bytes as it is written. Plans of hundreds of machines that
// are configured alike stay far beneath it; one that does not fit can be gone on with only where its journal is.
const MaxCopy = 48 << 10

// ErrCopy says that a plan is too large for a copy of it in a machine's metadata.
var ErrCopy = errors.New("the plan is too large to be kept on the platform")

const (
	copyPrefix = "1:"     // zstd, base64
	maxPlan    = 32 << 20 // bytes of a plan that is unpacked
)

// Pack is the plan as it is kept in a machine's metadata, for somebody who has no journal: the whole of it, compressed. It
// holds what the machines' configurations hold, which whoever can read the metadata can read too.
func (p *Plan) Pack() (string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("keep the plan on the platform: %w", err)
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return "", fmt.Errorf("keep the plan on the platform: %w", err)
	}
	s := copyPrefix + base64.RawStdEncoding.EncodeToString(w.EncodeAll(b, nil))
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("keep the plan on the platform: %w", err)
	}
	if len(s) > MaxCopy {
		return "", fmt.Errorf("%w: %d bytes of at most %d", ErrCopy, len(s), MaxCopy)
	}
	return s, nil
}

// Unpack reads a copy back. It is the plan that was packed if its Hash is the one that the head says.
func Unpack(s string) (*Plan, error) {
	wrong := func(err error) (*Plan, error) { return nil, fmt.Errorf("read the copy of the plan: %w", err) }
	text, ok := strings.CutPrefix(s, copyPrefix)
	if !ok || len(s) > MaxCopy {
		return wrong(errors.New("it was written by another version"))
	}
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return wrong(err)
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlan))
	if err != nil {
		return wrong(err)
	}
	defer r.Close()
	if b, err = r.DecodeAll(b, nil); err != nil {
		return wrong(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields() // a later version's plan may say what must not be left out
	p := &Plan{}
	if err := d.Decode(p); err != nil {
		return wrong(err)
	}
	if err := p.Validate(); err != nil {
		return wrong(err)
	}
	return p, nil
}
