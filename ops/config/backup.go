package config

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"ops-console/ops/config/tomlfile"
)

// Backup is where backups are kept, how they are made and when they may go. The zero value says that there is no store.
type Backup struct {
	Store     string // s3://BUCKET/PREFIX?endpoint=URL&region=NAME, or an absolute directory; empty: none
	KeyEnv    string // name of the variable with the store's access key
	SecretEnv string // and of the one with its secret key
	TokenEnv  string // and of the one with a session token
	KeyFile   string // a file with all of them in the form of ~/.aws/credentials; wins over the variables

	URLEnv  string // name of the variable with the connection string that backups are made with; empty: the database's own
	URLFile string // a file with nothing but that

	Recipients []string // age or SSH public keys, and files of them; empty: backups are not encrypted
	Identity   string   // file with the private key, for verify and restore
	Level      int      // of zstd: 1 to 19

	Node        string        // auto, primary or replica: which node is dumped
	MaxSnapshot time.Duration // how long a run may hold its snapshot
	LockTimeout time.Duration // how long pg_dump waits for a lock
	Rate        int           // bytes a second at most to the store; 0: as fast as it goes

	Keep    string        // the policy of retention
	Verify  string        // level that each run is verified to
	Assert  []string      // SQL that must be true in a restored backup
	Every   string        // when the schedule runs: a cron expression, in UTC
	Overdue time.Duration // age of the newest backup that is an alert

	WebhookEnv       string // name of the variable with the URL that is told
	WebhookSecretEnv string // and of the one that requests are signed with
	Image            string // what a scheduled machine runs; empty: it must be said
}

// keyLike is an age or SSH public key, as opposed to a file of them.
var keyLike = regexp.MustCompile(`^(?:age1[0-9a-z]+|ssh-[a-z0-9-]+ [A-Za-z0-9+/=]+(?: .*)?)$`)

// store sets where backups are kept.
func store(p *Profile, v *tomlfile.Value, base place) string {
	const want = `a directory, or "s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME"`
	s, ok := v.Text()
	if !ok || s == "" || strings.ContainsRune(s, 0) {
		return want
	}
	if !strings.Contains(s, "://") {
		full, wrong := base.resolve(s)
		if wrong != "" {
			return wrong
		}
		p.Backup.Store = full
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "s3" && u.Scheme != "file", u.Scheme == "s3" && u.Host == "", u.User != nil:
		return want + " (keys belong into backup.key_env and backup.secret_env)"
	}
	p.Backup.Store = s
	return ""
}

// recipients sets who can decrypt.
func recipients(p *Profile, v *tomlfile.Value, base place) string {
	const want = `a list of age or SSH public keys, and files of them, like ["age1…", "~/.ssh/id_ed25519.pub"]`
	l, ok := v.Texts()
	if s, single := v.Text(); single {
		l, ok = []string{s}, true
	}
	if !ok {
		return want
	}
	var out []string
	for _, s := range l {
		switch {
		case s == "" || strings.ContainsRune(s, 0):
			return want
		case strings.HasPrefix(s, "AGE-SECRET-KEY-"):
			return "public keys only: the private one belongs into the file of backup.identity"
		case !keyLike.MatchString(s):
			full, wrong := base.resolve(s)
			if wrong != "" {
				return wrong
			}
			s = full
		}
		out = append(out, s)
	}
	p.Backup.Recipients = out
	return ""
}

// recipientsHold says whether a private key stands among the public ones.
func recipientsHold(v *tomlfile.Value) bool {
	l, _ := v.Texts()
	if s, ok := v.Text(); ok {
		l = append(l, s)
	}
	for _, s := range l {
		if strings.Contains(s, "AGE-SECRET-KEY-") {
			return true
		}
	}
	return false
}

// texts sets a list of texts.
func texts(field func(*Profile) *[]string) setter {
	return func(p *Profile, v *tomlfile.Value, _ place) string {
		l, ok := v.Texts()
		if !ok {
			return "a list of texts"
		}
		*field(p) = l
		return ""
	}
}

// anyText accepts every text that is not empty.
func anyText(want string) func(string) string {
	return func(s string) string {
		if strings.TrimSpace(s) == "" {
			return want
		}
		return ""
	}
}
