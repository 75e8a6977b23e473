package schedule

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// Timer is a timer of systemd for one user, and the service that it starts. It runs a missed backup once the machine is up
// again.
type Timer struct {
	Name     string   // of both units, without ending; ops-console-backup-APP
	About    string   // one line: what is backed up
	Command  []string // whole, the program first and with its path; no secret in it
	EnvFile  string   // whence the secrets come, readable by its owner only; empty: none. It may be missing
	When     When
	Jitter   time.Duration // at most; 0: none. Two machines with the same timer do not start at the same moment
	Longest  time.Duration // after which a run is ended; 0: twelve hours
	Cautious bool          // with a lower priority than what else runs on the machine
}

// Unit is one file of systemd.
type Unit struct {
	Name string // of the file
	Text string
}

// Units is the service and the timer. The error says what of it systemd could not do.
func (t Timer) Units() ([]Unit, error) {
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("timer %s: %w", t.Name, err)
	}
	longest := t.Longest
	if longest == 0 {
		longest = longestRun
	}
	var b strings.Builder
	write := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	write("# Written by ops-console backup schedule. There are no secrets in it: they are in EnvironmentFile, if anywhere.")
	write("[Unit]")
	write("Description=%s", specifiers(t.About))
	write("")
	write("[Service]")
	write("Type=oneshot")
	if t.EnvFile != "" {
		write("EnvironmentFile=-%s", specifiers(t.EnvFile))
	}
	write("ExecStart=%s", quoteAll(t.Command))
	write("TimeoutStartSec=%d", int(longest/time.Second))
	write("KillSignal=SIGINT")
	write("TimeoutStopSec=120")
	write("UMask=0077")
	if t.Cautious {
		write("Nice=10")
	}
	// What a manager of a user can do without rights. Those that need a namespace are left out: where users may make none,
	// the service would not start at all.
	for _, s := range []string{
		"NoNewPrivileges=yes", "LockPersonality=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "RestrictNamespaces=yes",
		"SystemCallArchitectures=native", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
	} {
		write("%s", s)
	}
	service := Unit{Name: t.Name + ".service", Text: b.String()}
	b.Reset()
	write("# Written by ops-console backup schedule.")
	write("[Unit]")
	write("Description=%s, %s", specifiers(t.About), t.When)
	write("")
	write("[Timer]")
	for _, c := range t.When.calendar() {
		write("OnCalendar=%s", c)
	}
	write("Persistent=true")
	write("AccuracySec=30s")
	if t.Jitter > 0 {
		write("RandomizedDelaySec=%d", int(t.Jitter/time.Second))
	}
	write("")
	write("[Install]")
	write("WantedBy=timers.target")
	return []Unit{service, {Name: t.Name + ".timer", Text: b.String()}}, nil
}

func (t Timer) check() error {
	switch {
	case t.Name == "" || strings.ContainsFunc(t.Name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:", r))
	}):
		return errors.New("the name has characters that a unit's cannot have")
	case len(t.Command) == 0 || !filepath.IsAbs(t.Command[0]):
		return errors.New("the program has to be named with its whole path")
	case t.When.IsZero():
		return errors.New("it is not said when")
	case t.EnvFile != "" && !isPath(t.EnvFile):
		return errors.New("the file with the secrets has to be named with its whole path")
	}
	for _, s := range append([]string{t.About, t.EnvFile}, t.Command...) {
		if strings.ContainsAny(s, "\x00\n\r") {
			return errors.New("a line break cannot be written into a unit")
		}
	}
	return noSecret(t.Command, nil)
}

// specifiers keeps systemd from reading anything into a text. A path may begin with one: %h/.
func specifiers(s string) string {
	rest, home := strings.CutPrefix(s, "%h/")
	rest = strings.ReplaceAll(rest, "%", "%%")
	if home {
		return "%h/" + rest
	}
	return rest
}

// quoteAll is a command line as systemd takes it apart: no shell reads it.
func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

func quote(w string) string {
	esc := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`, "\t", `\t`).Replace(w)
	if esc == w && w != "" && !strings.ContainsAny(w, " ';#") {
		return w
	}
	return `"` + esc + `"`
}

// calendar is the times in systemd's words: several expressions add up.
func (w When) calendar() []string {
	list := func(s set, f field, width int) string {
		nn := s.numbers()
		if len(nn) == f.to-f.from+1 {
			return "*"
		}
		words := make([]string, len(nn))
		for i, n := range nn {
			words[i] = fmt.Sprintf("%0*d", width, n)
		}
		return strings.Join(words, ",")
	}
	zone := ""
	if w.zone != nil {
		zone = " " + w.zone.String()
	}
	var weekdays []string
	for i, n := range w.weekday.numbers() {
		if i < 7 {
			weekdays = append(weekdays, [...]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}[n])
		}
	}
	month, day := list(w.month, fields[3], 2), list(w.day, fields[2], 2)
	clock := fmt.Sprintf("%s:%s:00%s", list(w.hour, fields[1], 2), list(w.minute, fields[0], 2), zone)
	onDays := fmt.Sprintf("*-%s-%s %s", month, day, clock)
	on := strings.Join(weekdays, ",") + " "
	switch {
	case len(weekdays) == 7:
		return []string{onDays}
	case w.anyDay || w.anyWeekday:
		return []string{on + onDays}
	}
	// Either: the days of the month, and the days of the week.
	return []string{onDays, on + fmt.Sprintf("*-%s-* %s", month, clock)}
}

// UserUnits is where the units of a user lie. getenv is os.Getenv, as a rule.
func UserUnits(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "systemd", "user"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".config", "systemd", "user"), nil
	}
	return "", errors.New("where the units of this user belong is not known: HOME is not set")
}

// Install writes the units into a directory, each whole or not at all, and returns what there is to type for them to count.
func (t Timer) Install(dir string) (next []string, err error) {
	units, err := t.Units()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory for the units: %w", err)
	}
	for _, u := range units {
		if err := renameio.WriteFile(filepath.Join(dir, u.Name), []byte(u.Text), 0o644); err != nil {
			return nil, fmt.Errorf("write %s: %w", u.Name, err)
		}
	}
	return []string{
		"systemctl --user daemon-reload",
		"systemctl --user enable --now " + t.Name + ".timer",
		"loginctl enable-linger    # so that it runs while you are not logged in",
	}, nil
}

// Uninstall takes the units away, and returns what there is to type for that to count.
func (t Timer) Uninstall(dir string) (next []string, err error) {
	for _, name := range []string{filepath.Join("timers.target.wants", t.Name+".timer"), t.Name + ".timer", t.Name + ".service"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return []string{"systemctl --user stop " + t.Name + ".timer", "systemctl --user daemon-reload"}, nil
}
