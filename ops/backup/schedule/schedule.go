// Package schedule is what runs backups without anybody at a console: a machine of the platform that comes up by schedule next
// to the database, a timer of systemd, or a process that stays. It also runs a single one on such a machine, and shows here
// how it goes.
//
// It starts runs and never decides how one ended: that is in the store. A manifest is a backup, the note of a failure is
// none, whatever became of the machine, of the connection to it, or of this process. It never writes a secret into a unit,
// a machine's configuration or an argument; they come from the app's secrets, or from a file that only its owner reads.
package schedule

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// What a call can be about. Ask with errors.Is.
var (
	// ErrSecret: an argument or a variable looks like it held a password.
	ErrSecret = errors.New("it looks like a secret, and others can read it there")
	// ErrNotOurs: the machine is not one that this program made for backups.
	ErrNotOurs = errors.New("not a machine for backups that this program made")
	// ErrRuns: the machine is making a backup now.
	ErrRuns = errors.New("it is making a backup now")
	// ErrNoOutcome: neither a manifest nor the note of a failure came of a run.
	ErrNoOutcome = errors.New("the run left neither a backup nor a reason")
)

// secretName is how variables and flags that hold secrets are called.
var secretName = regexp.MustCompile(`(?i)(passw|secret|token|api_?key|access_?key|private|credential|identity)`)

// secretWord is a password or a key inside a text: in a URL, in a connection string, or an age identity.
var secretWord = regexp.MustCompile(`(?i)(://[^/@\s]*:[^/@\s]+@|\bpassword\s*=|age-secret-key-)`)

// noSecret refuses values by which a secret would be shown to whoever reads units, machines or process lists.
func noSecret(args []string, env map[string]string) error {
	for i, a := range args {
		name, value, assigned := strings.Cut(a, "=")
		flag := strings.HasPrefix(name, "-") && secretName.MatchString(name)
		switch {
		case secretWord.MatchString(a):
			return fmt.Errorf("argument %d: %w", i+1, ErrSecret)
		case flag && assigned && value != "" && !isPath(value), flag && !assigned && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") && !isPath(args[i+1]):
			return fmt.Errorf("%s: %w", name, ErrSecret)
		}
	}
	for name, value := range env {
		if u, err := url.Parse(value); err == nil && u.User != nil {
			if _, has := u.User.Password(); has {
				return fmt.Errorf("%s: %w", name, ErrSecret)
			}
		}
		if value != "" && (secretWord.MatchString(value) || secretName.MatchString(name) && !isPath(value)) {
			return fmt.Errorf("%s: %w", name, ErrSecret)
		}
	}
	return nil
}

// isPath: the file with a secret may be named.
func isPath(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "~/") || strings.HasPrefix(s, "%h/")
}
