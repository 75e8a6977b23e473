// Package retain says which backups may go, and why each of the others stays. It is a pure function of what the store has,
// a policy and the time: it removes nothing, asks nobody, and never looks across two databases.
//
// The rules look at the backups each on its own and add up: what one rule keeps never takes the place of another's. What
// cannot be trusted (a backup whose check failed) takes no place at all, and what nobody could be sure of (the clock, the
// last run, a policy that would take most of them) freezes everything.
package retain

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policy is how many backups are kept of a database. The zero value keeps MinKeep of them and what is pinned or proven.
type Policy struct {
	Last      int // the newest ones
	Hourly    int // the newest of each of so many hours that have one; so with the others
	Daily     int
	Weekly    int // ISO weeks, from Monday
	Monthly   int
	Yearly    int
	PreDeploy int           // the newest taken before a deploy
	Within    time.Duration // all that are this much older than the newest, or less

	MinKeep int            // whatever else is said; below 1: DefaultMinKeep
	AtMost  int            // percent of the backups that may go at once, more freezes; 0: DefaultAtMost, 100: any number
	Zone    *time.Location // in which days begin; nil: UTC
}

// What holds where a policy does not say.
const (
	DefaultMinKeep = 3
	DefaultAtMost  = 50
)

// Default is the policy of a profile that has none: a day of hours, a week, a month of weeks, a year of months, three years.
func Default() Policy {
	return Policy{Last: 3, Hourly: 24, Daily: 7, Weekly: 5, Monthly: 12, Yearly: 3, PreDeploy: 5}
}

// numbers are the words of a policy that a count follows, in the order in which String writes them.
var numbers = []struct {
	word  string
	of    func(*Policy) *int
	limit int
}{
	{"hourly", func(p *Policy) *int { return &p.Hourly }, 100000},
	{"daily", func(p *Policy) *int { return &p.Daily }, 100000},
	{"weekly", func(p *Policy) *int { return &p.Weekly }, 100000},
	{"monthly", func(p *Policy) *int { return &p.Monthly }, 100000},
	{"yearly", func(p *Policy) *int { return &p.Yearly }, 100000},
	{"last", func(p *Policy) *int { return &p.Last }, 100000},
	{"predeploy", func(p *Policy) *int { return &p.PreDeploy }, 100000},
	{"min", func(p *Policy) *int { return &p.MinKeep }, 100000},
}

// Parse reads the text of a policy: rules between commas, each a word and its value, in any order.
//
//	hourly 24, daily 7, weekly 5, monthly 12, yearly 3, last 3, predeploy 5, within 36h, min 3, at-most 50%, zone Europe/Paris
//
// Durations are those of Go, and days and weeks besides: 14d, 2w. What is not named is not kept.
func Parse(text string) (Policy, error) {
	var p Policy
	if strings.TrimSpace(text) == "" {
		return p, errors.New(`an empty retention policy would keep next to nothing: write one like "daily 7, weekly 5, monthly 12"`)
	}
	seen := map[string]bool{}
	for rule := range strings.SplitSeq(text, ",") {
		f := strings.Fields(rule)
		if len(f) != 2 {
			return p, fmt.Errorf("retention rule %q is not a word and a value, as in \"daily 7\"", strings.TrimSpace(rule))
		}
		word, value := strings.ToLower(f[0]), f[1]
		if seen[word] {
			return p, fmt.Errorf("retention rule %q is given twice", word)
		}
		seen[word] = true
		if err := p.set(word, value); err != nil {
			return p, fmt.Errorf("retention rule %q: %w", strings.TrimSpace(rule), err)
		}
	}
	if p.keepsNothing() {
		return p, errors.New(`this retention policy keeps nothing: say at least one of hourly, daily, weekly, monthly, yearly, last, within`)
	}
	return p, nil
}

func (p *Policy) keepsNothing() bool {
	return p.Last+p.Hourly+p.Daily+p.Weekly+p.Monthly+p.Yearly == 0 && p.Within == 0
}

func (p *Policy) set(word, value string) (err error) {
	for _, n := range numbers {
		if n.word != word {
			continue
		}
		*n.of(p), err = count(value, n.limit)
		return err
	}
	switch word {
	case "within":
		p.Within, err = duration(value)
	case "at-most":
		p.AtMost, err = count(strings.TrimSuffix(value, "%"), 100)
		if err == nil && p.AtMost == 0 {
			err = errors.New("with 0 % nothing could ever go: leave out pruning instead")
		}
	case "zone":
		// The machine's own zone is another one on each machine, and two of them would prune differently.
		if value == "Local" {
			return errors.New("name the zone, as in Europe/Paris: every machine has a local one of its own")
		}
		p.Zone, err = time.LoadLocation(value)
	default:
		words := make([]string, 0, len(numbers))
		for _, n := range numbers {
			words = append(words, n.word)
		}
		err = fmt.Errorf("unknown: it may be %s, within, at-most or zone", strings.Join(words, ", "))
	}
	return err
}

func count(s string, limit int) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || int(n) > limit {
		return 0, fmt.Errorf("%q is no number from 0 to %d", s, limit)
	}
	return int(n), nil
}

// longest is how far back "within" may look: a hundred years, so that no sum with a date overflows.
const longest = 100 * 366 * 24 * time.Hour

var units = map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

func duration(s string) (d time.Duration, err error) {
	if unit := units[s[len(s)-1]]; unit != 0 {
		n, err := count(s[:len(s)-1], int(longest/unit))
		return time.Duration(n) * unit, err
	}
	if d, err = time.ParseDuration(s); err != nil {
		return 0, fmt.Errorf("%q is no duration like 36h, 14d or 2w", s)
	}
	if d <= 0 || d > longest {
		return 0, fmt.Errorf("%s is not between nothing and a hundred years", s)
	}
	return d, nil
}

// String is a text that Parse reads as the same policy.
func (p Policy) String() string {
	var rules []string
	for _, n := range numbers {
		if v := *n.of(&p); v > 0 {
			rules = append(rules, n.word+" "+strconv.Itoa(v))
		}
	}
	if p.Within > 0 {
		rules = append(rules, "within "+spell(p.Within))
	}
	if p.AtMost > 0 {
		rules = append(rules, "at-most "+strconv.Itoa(p.AtMost)+"%")
	}
	if p.Zone != nil && p.Zone != time.UTC {
		rules = append(rules, "zone "+p.Zone.String())
	}
	return strings.Join(rules, ", ")
}

func spell(d time.Duration) string {
	if n := d / (24 * time.Hour); d%(24*time.Hour) == 0 {
		return strconv.Itoa(int(n)) + "d"
	}
	s := d.String()
	for _, zero := range []string{"0s", "0m"} {
		if i := len(s) - len(zero); i > 0 && s[i:] == zero && slices.Contains([]byte("hm"), s[i-1]) {
			s = s[:i]
		}
	}
	return s
}

func (p Policy) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

func (p Policy) minKeep() int {
	if p.MinKeep < 1 {
		return DefaultMinKeep
	}
	return p.MinKeep
}

func (p Policy) atMost() int {
	if p.AtMost < 1 {
		return DefaultAtMost
	}
	return p.AtMost
}
