package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// When is the times at which something is to happen, by the clock of a place. The zero value is never. Two of one text and
// zone are the same times.
type When struct {
	text string
	zone *time.Location

	minute, hour, day, month, weekday set
	anyHour, anyDay, anyWeekday       bool // the field begins with an asterisk
}

// set is numbers from 0 to 63.
type set uint64

func (s set) has(n int) bool { return s>>n&1 == 1 }

func (s set) numbers() []int {
	var nn []int
	for n := range 64 {
		if s.has(n) {
			nn = append(nn, n)
		}
	}
	return nn
}

// field is one of the five of a cron expression.
type field struct {
	name     string
	from, to int
	words    []string // for numbers from `from` on
}

var fields = [...]field{
	{name: "minute", from: 0, to: 59},
	{name: "hour", from: 0, to: 23},
	{name: "day", from: 1, to: 31},
	{name: "month", from: 1, to: 12, words: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{name: "weekday", from: 0, to: 7, words: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// keywords are the times that have a name. The hours are those in which the least is going on, as a rule.
var keywords = map[string]string{
	"hourly": "0 * * * *", "daily": "0 3 * * *", "weekly": "0 3 * * sun", "monthly": "0 3 1 * *",
}

// ParseWhen reads hourly, daily, weekly or monthly; "every 15m" or "every 6h", parts of an hour or a day; "at 03:30, 15:30";
// or the five fields of a cron expression, which fits a day when either its day or its weekday does where both are said.
// zone nil is UTC.
func ParseWhen(text string, zone *time.Location) (When, error) {
	w := When{text: strings.Join(strings.Fields(strings.ToLower(text)), " "), zone: zone}
	if zone == nil {
		w.zone = time.UTC
	}
	var err error
	switch {
	case keywords[w.text] != "":
		err = w.cron(keywords[w.text])
	case strings.HasPrefix(w.text, "every "):
		err = w.every(strings.TrimPrefix(w.text, "every "))
	case strings.HasPrefix(w.text, "at "):
		err = w.at(strings.TrimPrefix(w.text, "at "))
	default:
		err = w.cron(w.text)
	}
	if err == nil && w.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		err = errors.New("there is no such day")
	}
	if err != nil {
		return When{}, fmt.Errorf("schedule %q: %w", text, err)
	}
	return w, nil
}

// String is the text, in the form in which ParseWhen compares it.
func (w When) String() string { return w.text }

// Zone is where the clock hangs.
func (w When) Zone() *time.Location { return w.zone }

// IsZero tells that it is never.
func (w When) IsZero() bool { return w.text == "" }

func (w *When) every(text string) error {
	d, err := time.ParseDuration(text)
	minutes := int(d / time.Minute)
	switch {
	case err != nil || d < time.Minute || d%time.Minute != 0:
		return fmt.Errorf("%q is no number of minutes or hours, as in 15m or 6h", text)
	case minutes < 60 && 60%minutes == 0:
		return w.cron(fmt.Sprintf("*/%d * * * *", minutes))
	case minutes%60 == 0 && minutes/60 <= 24 && 24%(minutes/60) == 0:
		if minutes == 24*60 {
			return w.cron("0 0 * * *")
		}
		return w.cron(fmt.Sprintf("0 */%d * * *", minutes/60))
	}
	return fmt.Errorf("%s does not divide an hour or a day into equal parts: write a cron expression", text)
}

func (w *When) at(text string) error {
	w.anyDay, w.anyWeekday = true, true
	w.day, w.month, w.weekday = all(fields[2]), all(fields[3]), all(fields[4])
	for part := range strings.SplitSeq(text, ",") {
		t, err := time.Parse("15:04", strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("%q is no time like 03:30", strings.TrimSpace(part))
		}
		if w.minute != 0 && !w.minute.has(t.Minute()) {
			return errors.New("times of one schedule have the same minute: 03:30, 15:30")
		}
		w.minute |= 1 << t.Minute()
		w.hour |= 1 << t.Hour()
	}
	return nil
}

func (w *When) cron(text string) error {
	ff := strings.Fields(text)
	if len(ff) != len(fields) {
		return errors.New(`it is not "hourly", "daily", "weekly", "monthly", "every 6h", "at 03:30", nor the five fields of a cron expression: minute hour day month weekday`)
	}
	for i, to := range []*set{&w.minute, &w.hour, &w.day, &w.month, &w.weekday} {
		s, err := fields[i].parse(ff[i])
		if err != nil {
			return err
		}
		*to = s
	}
	if w.weekday.has(7) {
		w.weekday = w.weekday&^(1<<7) | 1
	}
	w.anyHour, w.anyDay, w.anyWeekday = ff[1][0] == '*', ff[2][0] == '*', ff[4][0] == '*'
	return nil
}

func all(f field) set {
	var s set
	for n := f.from; n <= f.to; n++ {
		s |= 1 << n
	}
	return s
}

// parse reads a field: numbers, names, ranges, steps, and lists of them.
func (f field) parse(text string) (set, error) {
	var s set
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		by := 1
		if stepped {
			n, err := strconv.ParseUint(step, 10, 16)
			if err != nil || n == 0 || int(n) > f.to {
				return 0, fmt.Errorf("%s %q: the step is no number from 1 to %d", f.name, part, f.to)
			}
			by = int(n)
		}
		from, to := f.from, f.to
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			var err error
			if from, err = f.number(first); err != nil {
				return 0, err
			}
			switch {
			case ranged:
				if to, err = f.number(last); err != nil {
					return 0, err
				}
			case !stepped:
				to = from
			}
			if from > to {
				return 0, fmt.Errorf("%s %q: it ends before it begins", f.name, part)
			}
		}
		for n := from; n <= to; n += by {
			s |= 1 << n
		}
	}
	return s, nil
}

func (f field) number(text string) (int, error) {
	if i := slices.Index(f.words, text); i >= 0 {
		return f.from + i, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || int(n) < f.from || int(n) > f.to {
		return 0, fmt.Errorf("%s %q is no number from %d to %d", f.name, text, f.from, f.to)
	}
	return int(n), nil
}

// fits says whether something is to happen on the day.
func (w When) fits(t time.Time) bool {
	if !w.month.has(int(t.Month())) {
		return false
	}
	day, weekday := w.day.has(t.Day()), w.weekday.has(int(t.Weekday()))
	if !w.anyDay && !w.anyWeekday {
		return day || weekday
	}
	return day && weekday
}

// horizon is how far ahead Next looks: the 29th of February can be eight years away.
const horizon = 9 * 366 * 24 * time.Hour

// Next is the first time after t; zero: there is none. A time of day that the clocks leave out happens when they have been put
// forward, and one that they show twice happens once, unless it is to happen every hour.
func (w When) Next(t time.Time) time.Time {
	if w.IsZero() {
		return time.Time{}
	}
	end := t.Add(horizon)
	for at := t.Truncate(time.Minute).Add(time.Minute); at.Before(end); {
		local := at.In(w.zone)
		if w.leftOut(at) {
			return at
		}
		if !w.fits(local) {
			at = nextDay(local, at)
			continue
		}
		if w.hour.has(local.Hour()) && w.minute.has(local.Minute()) && (w.anyHour || !w.again(at)) {
			return at
		}
		at = at.Add(time.Minute)
	}
	return time.Time{}
}

// nextDay is the first instant of the local day after that of at, or the next minute where the clocks make that unclear.
func nextDay(local, at time.Time) time.Time {
	y, m, d := local.Date()
	// An hour early: a midnight that is left out may be given as one before it.
	next := time.Date(y, m, d+1, 0, 0, 0, 0, local.Location()).Add(-time.Hour)
	if !next.After(at) {
		return at.Add(time.Minute)
	}
	return next
}

// again says whether the clock showed this time of day already, before it was put back.
func (w When) again(at time.Time) bool {
	_, now := at.In(w.zone).Zone()
	for _, back := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
		_, before := at.Add(-back).In(w.zone).Zone()
		if time.Duration(before-now)*time.Second == back {
			return true
		}
	}
	return false
}

// leftOut says whether the clocks, which have just been put forward to at, left out a time at which something was to happen.
func (w When) leftOut(at time.Time) bool {
	if w.anyHour {
		return false
	}
	before, now := at.Add(-time.Minute).In(w.zone), at.In(w.zone)
	_, b := before.Zone()
	_, n := now.Zone()
	if n-b < 60 || n-b > 3*3600 {
		return false // not put forward, or a day was left out altogether
	}
	// The clock as it would have gone on.
	for skipped := time.Duration(0); skipped < time.Duration(n-b)*time.Second; skipped += time.Minute {
		wall := time.Date(before.Year(), before.Month(), before.Day(), before.Hour(), before.Minute(), 0, 0, time.UTC).Add(time.Minute + skipped)
		if w.fits(wall) && w.hour.has(wall.Hour()) && w.minute.has(wall.Minute()) {
			return true
		}
	}
	return false
}
