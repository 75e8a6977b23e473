package source

import (
	"regexp"
	"strings"

	"ops-console/ops/preflight/shell"
)

// revealing are the options whose value is nobody's business, and the names of variables with such.
var (
	revealing = regexp.MustCompile(`(?i)^--?(set)?(cookie|password|passwd|pass|token|secret|api-?key)$`)
	sensitive = regexp.MustCompile(`(?i)^(-*[a-z0-9_-]*(cookie|password|passwd|token|secret|api_?key|database_url)[a-z0-9_-]*)=(.+)$`)
	passwords = regexp.MustCompile(`://[^/@\s]+@`)
)

// shown is a command as it may be shown: with what it says of passwords left out.
func shown(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		switch {
		case i > 0 && revealing.MatchString(words[i-1]) && !strings.HasPrefix(w, "$"):
			w = "…"
		case sensitive.MatchString(w) && !strings.Contains(w, "=$"):
			w = sensitive.ReplaceAllString(w, "$1=…")
		}
		out[i] = passwords.ReplaceAllString(w, "://…@")
	}
	return strings.Join(out, " ")
}

// shownText is shown of a command that is written as one text.
func shownText(s string) string { return shown(shell.Words(s)) }
