package platform

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// secret is a secret of an app. The value is kept because the platform can be asked for it.
type secret struct {
	name    string
	value   string
	created time.Time
	updated time.Time
}

// secretJSON is a secret as the Machines API writes it.
type secretJSON struct {
	Name      string `json:"name"`
	Digest    string `json:"digest"`
	Value     string `json:"value,omitempty"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func (s *secret) view(show bool) secretJSON {
	sum := sha256.Sum256([]byte(s.name + "\x00" + s.value))
	j := secretJSON{Name: s.name, Digest: hex.EncodeToString(sum[:8]), CreatedAt: stamp(s.created), UpdatedAt: stamp(s.updated)}
	if show {
		j.Value = s.value
	}
	return j
}

// SetSecret sets a secret of an app; app "" is the first one.
func (w *World) SetSecret(app, name, value string) error {
	w.lock()
	defer w.unlock()
	a, err := w.appNamed(app)
	if err != nil {
		return fmt.Errorf("set secret %s: %w", name, err)
	}
	w.setSecrets(a, map[string]*string{name: &value})
	return nil
}

// setSecrets sets secrets, removes those with a nil value, and returns the new version of all of them.
func (w *World) setSecrets(a *app, values map[string]*string) int {
	for name, value := range values {
		i := slices.IndexFunc(a.secrets, func(s *secret) bool { return s.name == name })
		switch {
		case value == nil && i >= 0:
			a.secrets = slices.Delete(a.secrets, i, i+1)
		case value == nil:
		case i >= 0:
			a.secrets[i].value, a.secrets[i].updated = *value, w.now
		default:
			a.secrets = append(a.secrets, &secret{name: name, value: *value, created: w.now, updated: w.now})
		}
	}
	slices.SortFunc(a.secrets, func(x, y *secret) int { return cmp.Compare(x.name, y.name) })
	a.secretsV++
	w.dirty = true
	return a.secretsV
}
