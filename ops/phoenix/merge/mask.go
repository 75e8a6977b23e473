package merge

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/diff/lines"
)

// hidden are the places, within a line, where secrets stand in source texts; group 1 stays, the rest goes. A name that
// speaks of a secret may be on the line before its value.
var hidden = sync.OnceValue(func() []*regexp.Regexp {
	return []*regexp.Regexp{
		// a name and a literal: in Elixir, JSON, shell and .env alike
		regexp.MustCompile(`(?i)([\w-]*(?:secret|passw|passphrase|token|api_?key|private_?key|access_?key|account_?key|license_?key|encryption_?key|signing|salt|credential|\bdsn|auth_?key)[\w-]*["']?\]?\)?\s*(?::|=>|=|,|\|\|)\s*)(?:"[^"\n]+"|'[^'\n]+'|~\w(?:\([^)\n]*\)|\[[^\]\n]*\]|\{[^}\n]*\}|<[^>\n]*>|"[^"\n]*"|'[^'\n]*'|/[^/\n]*/|\|[^|\n]*\|))`),
		regexp.MustCompile(`(?im)^((?:export\s+|ENV\s+|ARG\s+)?\w*(?:SECRET|PASSW|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL)\w*=)[^\s"'].*$`),
		regexp.MustCompile(`(://)[^/\s"'@]+@`),                                                  // user:password@ of an address
		regexp.MustCompile(`()\b(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}`),           // payment providers
		regexp.MustCompile(`()\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`),                                   // AWS
		regexp.MustCompile(`()\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|SG\.)[\w.-]{16,}`), // code hosts, chat, mail
		regexp.MustCompile(`()\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+`),                                  // JSON web tokens
		regexp.MustCompile(`((?:ref: )?["'])[A-Za-z0-9+/=_-]{32,}["']`),                         // anything long and opaque in quotes
		regexp.MustCompile(`(?m)^([ \t]*)[A-Za-z0-9+/=]{40,}[ \t\r]*$`),                         // a line of base 64
	}
})

// block is a secret over several lines: from after where begin matches to before end.
type block struct {
	begin *regexp.Regexp
	end   string
}

var blocks = sync.OnceValue(func() []block {
	return []block{
		{regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`), "-----END"},
		{regexp.MustCompile(`(?i)(?:secret|passw|passphrase|token|api_?key|private_?key|credential)\w*["']?\s*(?::|=>|=|,)\s*(?:~\w)?"""`), `"""`},
	}
})

// Mask takes out of an application's source what is, or looks like, a secret. Line breaks stay where they are. It errs on
// the side of hiding.
func Mask(text string) string {
	for _, b := range blocks() {
		text = b.mask(text)
	}
	var out strings.Builder
	for ll := lines.Split(text); len(ll) > 0; {
		n := 0
		for more := true; more && n < len(ll); n++ {
			more = suspect(ll[n]) || n > 0 && strings.TrimSpace(ll[n]) == ""
		}
		part := strings.Join(ll[:n], "")
		ll = ll[n:]
		if n > 1 || suspect(part) {
			part = maskPart(part)
		}
		out.WriteString(part)
	}
	return out.String()
}

func maskPart(text string) string {
	for _, re := range hidden() {
		text = re.ReplaceAllStringFunc(text, func(s string) string { return mask(s, re.FindStringSubmatch(s)[1]) })
	}
	return text
}

// words that speak of secrets, and beginnings of known ones, in lower case, as hidden has them.
var words = []string{
	"secret", "passw", "passphrase", "token", "signing", "salt", "credential", "dsn", "://",
	"_key", "apikey", "privatekey", "accesskey", "accountkey", "licensekey", "encryptionkey", "authkey",
	"sk_", "rk_", "pk_", "whsec_", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sg.", "eyj",
}

// longOpaque is how many characters without a space or a bracket make a line suspect.
const longOpaque = 32

// suspect says whether a line is worth a closer look: a cheap test, which most lines of an application do not pass.
func suspect(line string) bool {
	run := 0
	for i := range len(line) {
		if c := line[i]; c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("+/=_-.", c) >= 0 {
			if run++; run >= longOpaque {
				return true
			}
			continue
		}
		run = 0
	}
	lower := strings.ToLower(line)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(lower, w) })
}

// mask hides what follows after what is kept; quotes stay, so that the line reads on.
func mask(s, kept string) string {
	rest := s[len(kept):]
	quote := strings.TrimPrefix(kept, "ref: ")
	switch {
	case quote == `"` || quote == "'":
		// A name without a digit is no key, and git's own names of commits are public.
		if quote != kept || !strings.ContainsAny(rest, "0123456789") {
			return s
		}
		return kept + diff.Hidden + quote
	case rest[0] == '"' || rest[0] == '\'':
		if public(rest[1 : len(rest)-1]) {
			return s
		}
		return kept + rest[:1] + diff.Hidden + rest[:1]
	case strings.HasSuffix(rest, "@"):
		return kept + diff.Hidden + "@"
	}
	return kept + diff.Hidden
}

// requirement of a dependency whose name speaks of secrets.
var requirement = regexp.MustCompile(`^(?:~>|>=|==) *[\w.-]+$`)

// public says whether a literal is a version, or a template's expression that says where the value is.
func public(literal string) bool {
	return requirement.MatchString(literal) ||
		strings.HasPrefix(literal, "<%=") && strings.HasSuffix(literal, "%>") && strings.Count(literal, "<%") == 1 && !strings.ContainsAny(literal, "\"'")
}

// mask hides the blocks of a text; one without an end goes to the end of the text.
func (b block) mask(text string) string {
	var out strings.Builder
	for {
		at := b.begin.FindStringIndex(text)
		if at == nil {
			break
		}
		out.WriteString(text[:at[1]])
		text = text[at[1]:]
		n := strings.Index(text, b.end)
		if n < 0 {
			n = len(text)
		}
		out.WriteString(diff.Hidden + strings.Repeat("\n"+diff.Hidden, strings.Count(text[:n], "\n")))
		text = text[n:]
		if strings.HasPrefix(text, b.end) {
			out.WriteString(b.end)
			text = text[len(b.end):]
		}
	}
	out.WriteString(text)
	return out.String()
}
