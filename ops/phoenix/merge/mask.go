package merge

import (
	"regexp"
	"strings"
	"sync"

	"ops-console/ops/phoenix/diff"
)

// hidden are the places where secrets stand in source texts; group 1 stays, the rest goes.
var hidden = sync.OnceValue(func() []*regexp.Regexp {
	return []*regexp.Regexp{
		// a name that speaks of a secret, and a literal: in Elixir, JSON, shell and .env alike
		regexp.MustCompile(`(?i)([\w-]*(?:secret|passw|passphrase|token|api_?key|private_?key|access_?key|account_?key|license_?key|encryption_?key|signing|salt|credential|\bdsn|auth_?key)[\w-]*["']?\]?\)?\s*(?::|=>|=|,|\|\|)\s*)(?:"""(?s:.*?)"""|"[^"\n]*"|'[^'\n]*'|~\w(?:\([^)]*\)|\[[^\]]*\]|\{[^}]*\}|<[^>]*>|"[^"]*"|'[^']*'|/[^/\n]*/|\|[^|\n]*\|))`),
		regexp.MustCompile(`(?im)^((?:export\s+|ENV\s+|ARG\s+)?\w*(?:SECRET|PASSW|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL)\w*=)[^\s"'].*$`),
		regexp.MustCompile(`(://)[^/\s"'@]+@`),                                                  // user:password@ of an address
		regexp.MustCompile(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?s:.*?)(?:-----END|\z)`),       // a key as it is
		regexp.MustCompile(`()\b(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}`),           // payment providers
		regexp.MustCompile(`()\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`),                                   // AWS
		regexp.MustCompile(`()\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|SG\.)[\w.-]{16,}`), // code hosts, chat, mail
		regexp.MustCompile(`()\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+`),                                  // JSON web tokens
		regexp.MustCompile(`(["'])[A-Za-z0-9+/=_-]{32,}["']`),                                   // anything long and opaque in quotes
		regexp.MustCompile(`(?m)^([ \t]*)[A-Za-z0-9+/=]{40,}[ \t\r]*$`),                         // a line of base 64
	}
})

// Mask takes out of an application's source what is, or looks like, a secret. Line breaks stay where they are. It errs on
// the side of hiding.
func Mask(text string) string {
	for _, re := range hidden() {
		text = re.ReplaceAllStringFunc(text, func(s string) string {
			kept := re.FindStringSubmatch(s)[1]
			rest := s[len(kept):]
			quote := ""
			if kept != "" && strings.ContainsAny(kept[len(kept)-1:], `"'`) && len(kept) == 1 {
				quote = kept
			} else if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
				quote = rest[:1]
				kept += quote
			}
			if strings.HasSuffix(rest, "@") {
				quote = "@"
			}
			return kept + diff.Hidden + strings.Repeat("\n"+diff.Hidden, strings.Count(rest, "\n")) + quote
		})
	}
	return text
}
