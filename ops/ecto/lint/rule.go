package lint

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
)

// rule is a Rule and how it is looked for. A rule sets one or more of the three functions.
type rule struct {
	Rule
	// eases says which context makes a finding weaker; see site.weigh.
	eases easing
	// always has the rule run on the way back without Options.Down too.
	always bool
	// byName: the rule compares names with those of other migrations or of the code, and has nothing to say where they are
	// only known when the migration runs.
	byName bool
	// kinds are those of the operations that each is called for; nil: all.
	kinds []ecto.Kind
	// each is called for one operation, with the state as it is before that operation.
	each func(*site)
	// file is called for one direction of one migration, after the last of its operations.
	file func(*pass)
	// repo is called once, after all migrations. What it reports has to say where.
	repo func(r *run, report func(Finding))
}

// rules is the table of all, in the order of the documentation.
var rules = slices.Concat(indexRules, columnRules, constraintRules, tableRules, transactionRules, dataRules, structureRules, liveRules, suppressRules)

// documented is the Rule with what is said of it.
func (r *rule) documented() Rule {
	out := r.Rule
	out.Doc = documents()[r.ID]
	return out
}

// Rules is all that are looked for, with their documentation.
func Rules() []Rule {
	out := make([]Rule, len(rules))
	for i, r := range rules {
		out[i] = r.documented()
	}
	return out
}

// Find finds a rule by its id.
func Find(id string) (Rule, bool) {
	for _, r := range rules {
		if r.ID == id {
			return r.documented(), true
		}
	}
	return Rule{}, false
}

// severities are the names, by Severity.
var severities = [...]string{"off", "info", "warning", "error"}

// String is off, info, warning or error.
func (s Severity) String() string {
	if s < 0 || int(s) >= len(severities) {
		return fmt.Sprintf("severity %d", int(s))
	}
	return severities[s]
}

// ParseSeverity reads what String gives.
func ParseSeverity(s string) (Severity, error) {
	if i := slices.Index(severities[:], s); i >= 0 {
		return Severity(i), nil
	}
	return Off, fmt.Errorf("severity %q: it has to be %s", s, strings.Join(severities[:], ", "))
}
