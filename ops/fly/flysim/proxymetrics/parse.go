package proxymetrics

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrUnknown is an expression that is not of the forms in Forms.
var ErrUnknown = errors.New("the simulated platform does not know such an expression; it knows " + Forms)

// Forms are the expressions that are evaluated, for people. They can be put into each other.
const Forms = `METRIC{label="…",label=~"…",…}, rate(METRIC{…}[1m]), increase(METRIC{…}[1m]), timestamp(METRIC{…}), ` +
	`sum, min, max, avg and count, alone or by (label, …), histogram_quantile(0.99, …)`

// expression is a parsed one.
type expression interface {
	eval(s *Store, at time.Time) []Sample
}

type selector struct {
	name     string
	matchers []matcher
}

type matcher struct {
	label string
	value string
	re    *regexp.Regexp // nil: equality
	not   bool
}

// overTime is rate, increase or timestamp of a selector.
type overTime struct {
	name   string
	of     selector
	window time.Duration // 0: none
}

type aggregate struct {
	name string
	by   []string
	of   expression
}

type quantile struct {
	q  float64
	of expression
}

// aggregates is what they make of the values of a group.
var aggregates = map[string]func([]float64) float64{"sum": sum, "min": least, "max": most, "avg": mean, "count": count}

// maxExpression is the longest that is read, in bytes; maxDepth how deep they are put into each other.
const (
	maxExpression = 64 << 10
	maxDepth      = 20
)

// parse reads an expression.
func parse(text string) (expression, error) {
	if len(text) > maxExpression {
		return nil, fmt.Errorf("an expression of %d bytes: %w", len(text), ErrUnknown)
	}
	p := &parser{rest: text}
	e, err := p.expression(0)
	if err == nil && p.peek() != "" {
		err = p.wrong()
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

type parser struct{ rest string }

var token = regexp.MustCompile(`^(?:[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9]+(?:\.[0-9]+)?(?:ms|[smhd])?|"(?:[^"\\]|\\.)*"|=~|!~|!=|[={}\[\](),])`)

// peek is the next word; empty: there is none.
func (p *parser) peek() string {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
	if p.rest == "" {
		return ""
	}
	if w := token.FindString(p.rest); w != "" {
		return w
	}
	return p.rest[:1]
}

func (p *parser) next() string {
	w := p.peek()
	p.rest = p.rest[len(w):]
	return w
}

func (p *parser) wrong() error {
	at := p.peek()
	if at == "" {
		at = "its end"
	}
	return fmt.Errorf("at %q: %w", at, ErrUnknown)
}

func (p *parser) want(words ...string) error {
	for _, w := range words {
		if p.peek() != w {
			return p.wrong()
		}
		p.next()
	}
	return nil
}

func (p *parser) expression(depth int) (expression, error) {
	w := p.peek()
	if depth > maxDepth || !word(w) {
		return nil, p.wrong()
	}
	switch {
	case aggregates[w] != nil:
		return p.aggregate(depth)
	case w == "rate" || w == "increase" || w == "timestamp":
		return p.overTime()
	case w == "histogram_quantile":
		p.next()
		if err := p.want("("); err != nil {
			return nil, err
		}
		q, err := strconv.ParseFloat(p.next(), 64)
		if err != nil || q < 0 || q > 1 {
			return nil, p.wrong()
		}
		if err := p.want(","); err != nil {
			return nil, err
		}
		of, err := p.expression(depth + 1)
		if err != nil {
			return nil, err
		}
		return quantile{q, of}, p.want(")")
	}
	return p.selector()
}

func word(w string) bool { return w != "" && (w[0] == '_' || w[0]|0x20 >= 'a' && w[0]|0x20 <= 'z') }

func (p *parser) aggregate(depth int) (expression, error) {
	a := aggregate{name: p.next()}
	err := p.by(&a)
	if err == nil {
		err = p.want("(")
	}
	if err != nil {
		return nil, err
	}
	if a.of, err = p.expression(depth + 1); err != nil {
		return nil, err
	}
	if err := p.want(")"); err != nil {
		return nil, err
	}
	return a, p.by(&a)
}

// by reads the labels of an aggregation, which stand before or after what is aggregated.
func (p *parser) by(a *aggregate) error {
	if p.peek() != "by" || a.by != nil {
		return nil
	}
	p.next()
	if err := p.want("("); err != nil {
		return err
	}
	a.by = []string{}
	for p.peek() != ")" {
		w := p.peek()
		if !word(w) {
			return p.wrong()
		}
		p.next()
		a.by = append(a.by, w)
		if p.peek() == "," {
			p.next()
		}
	}
	return p.want(")")
}

func (p *parser) overTime() (expression, error) {
	o := overTime{name: p.next()}
	if err := p.want("("); err != nil {
		return nil, err
	}
	of, err := p.selector()
	if err != nil {
		return nil, err
	}
	o.of = of
	if o.name != "timestamp" {
		if err := p.want("["); err != nil {
			return nil, err
		}
		d, err := duration(p.next())
		if err != nil {
			return nil, p.wrong()
		}
		o.window = d
		if err := p.want("]"); err != nil {
			return nil, err
		}
	}
	return o, p.want(")")
}

// duration reads one in a single unit.
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		s = days + "h"
		d, err := time.ParseDuration(s)
		return 24 * d, err
	}
	d, err := time.ParseDuration(s)
	if err == nil && d <= 0 {
		err = ErrUnknown
	}
	return d, err
}

func (p *parser) selector() (selector, error) {
	s := selector{name: p.next()}
	if !word(s.name) {
		return selector{}, p.wrong()
	}
	if p.peek() != "{" {
		return s, nil
	}
	p.next()
	for p.peek() != "}" {
		m := matcher{label: p.next()}
		op := p.next()
		value, err := strconv.Unquote(p.next())
		if !word(m.label) || err != nil {
			return selector{}, p.wrong()
		}
		m.value, m.not = value, op[:min(len(op), 1)] == "!"
		switch op {
		case "=~", "!~":
			if m.re, err = regexp.Compile("^(?:" + value + ")$"); err != nil {
				return selector{}, p.wrong()
			}
		case "=", "!=":
		default:
			return selector{}, p.wrong()
		}
		s.matchers = append(s.matchers, m)
		if p.peek() == "," {
			p.next()
		}
	}
	return s, p.want("}")
}
