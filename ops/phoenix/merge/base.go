package merge

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"ops-console/ops/phoenix"
)

// An upgrade that has begun changes the very files by which its base is found: so the base is kept, beside the progress.

// KeptBase is the version that an upgrade of a project, given by its absolute directory, began from; false: none has begun.
// dir is where progress is kept.
func KeptBase(dir, project string, to phoenix.Version) (phoenix.Version, bool, error) {
	b, err := os.ReadFile(baseFile(dir, project, to))
	if errors.Is(err, fs.ErrNotExist) {
		return phoenix.Version{}, false, nil
	}
	if err != nil {
		return phoenix.Version{}, false, fmt.Errorf("read what the upgrade began from: %w", err)
	}
	v, err := phoenix.ParseVersion(strings.TrimSpace(string(b)))
	if err != nil {
		return v, false, fmt.Errorf("read what the upgrade began from in %s: %w; remove the file to have it found anew", baseFile(dir, project, to), err)
	}
	return v, true, nil
}

// KeepBase keeps what an upgrade begins from.
func KeepBase(dir, project string, base, to phoenix.Version) error {
	err := cmp.Or(os.MkdirAll(dir, 0o700), renameio.WriteFile(baseFile(dir, project, to), []byte(base.String()+"\n"), 0o600))
	if err != nil {
		return fmt.Errorf("keep what the upgrade begins from: %w", err)
	}
	return nil
}

func baseFile(dir, project string, to phoenix.Version) string {
	sum := sha256.Sum256([]byte(project + "\n" + to.String()))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+".base")
}
