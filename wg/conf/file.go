package conf

import (
	"errors"
	"fmt"
	"io"
	"os"

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

// SaveFile writes a configuration with mode 0600, whole or not at all, replacing what was there.
func SaveFile(path string, c *Config) error {
	b, err := c.Marshal()
	if err != nil {
		return err
	}
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
