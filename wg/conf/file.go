package conf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// maxSize bounds a configuration file; the largest honest ones have a few hundred lines.
const maxSize = 64 << 10

// ErrPermissions says that others may read a file with a private key.
var ErrPermissions = errors.New("readable by others")

// LoadFile reads a configuration. The opened descriptor, not the name, must be a regular file without any right for
// group and others: ErrPermissions otherwise. A *ParseError has its File set.
func LoadFile(path string) (*Config, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if p := st.Mode().Perm(); p&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w (%04o): chmod 600 %s", path, ErrPermissions, p, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	defer clear(b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	c, err := Parse(b)
	if pe := (*ParseError)(nil); errors.As(err, &pe) {
		pe.File = path
	}
	return c, err
}

// SaveFile writes a configuration with mode 0600, whole or not at all, replacing what was there. The comments come
// first, a line each; one that is more than a line is an error, because the rest of it would be configuration.
func SaveFile(path string, c *Config, comments ...string) error {
	text, err := c.Marshal()
	if err != nil {
		return err
	}
	defer clear(text)
	var head strings.Builder
	for _, comment := range comments {
		if strings.ContainsAny(comment, "\r\n") {
			return errors.New("write wireguard configuration: a comment of several lines")
		}
		head.WriteString("# " + comment + "\n")
	}
	b := slices.Concat([]byte(head.String()), text)
	defer clear(b)
	if err := renameio.WriteFile(path, b, 0o600, renameio.IgnoreUmask()); err != nil {
		return fmt.Errorf("write wireguard configuration: %w", err)
	}
	return nil
}

// openRegular opens without waiting for the writer of a FIFO.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, fmt.Errorf("open wireguard configuration: %w", err)
	}
	return f, nil
}
