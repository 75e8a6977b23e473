package config

import (
	"slices"
	"strings"

	"ops-console/ops/config/tomlfile"
)

// Lint is how migrations are judged. What the linter's own defaults are stands in package lint.
type Lint struct {
	Target      int               // major version of PostgreSQL; 0: the live server's
	Since       int               // version of the first migration that is looked at; 0: all
	Severity    map[string]string // by rule or group: error, warning, info or off
	FailOn      string            // error, warning or info: from here on findings are bad news
	LockTimeout string            // set centrally; empty: what the configuration and the database say
	SmallRows   int               // tables with fewer rows and bytes soften findings
	SmallBytes  int
	Baseline    string // path; empty: none
}

// severityWords are what a rule may be set to.
var severityWords = []string{"error", "warning", "info", "off"}

func severities(field func(*Profile) *map[string]string) setter {
	return func(p *Profile, v *tomlfile.Value, _ place) string {
		m, ok := v.TextMap()
		for _, s := range m {
			ok = ok && slices.Contains(severityWords, s)
		}
		if !ok {
			return `a table of rules or groups like { rename-column = "warning", style = "info" }, each ` + strings.Join(severityWords, ", ")
		}
		*field(p) = m
		return ""
	}
}

// timeoutSetting accepts what PostgreSQL takes for lock_timeout, as far as that means a limit.
func timeoutSetting(s string) string {
	digits := strings.TrimRight(s, "umsinhd ")
	if digits == "" || strings.Trim(digits, "0123456789.") != "" || strings.Trim(digits, "0.") == "" {
		return `a time as PostgreSQL takes it, like "5s" (0 would be none)`
	}
	return ""
}
