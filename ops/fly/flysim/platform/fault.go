package platform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is something that goes wrong, as data: a name, what it happens to, and how. What names there are, and what
// they take, FaultKinds says.
type Fault struct {
	Name   string
	Target string   // a machine or several, see FaultKind; "" where the kind takes none
	Args   []string // name=value, or values in the order of the kind
}

// String is the fault as ParseFault reads it.
func (f Fault) String() string {
	words := []string{quoteWord(f.Name)}
	if f.Target != "" {
		words = append(words, quoteWord(f.Target))
	}
	for _, a := range f.Args {
		words = append(words, quoteWord(a))
	}
	return strings.Join(words, " ")
}

// ParseFault reads "name target arg…", words split as a shell does. A second word with a = in it is an argument, not a
// target. Whether there is such a fault, only World.SetFault knows.
func ParseFault(s string) (Fault, error) {
	words, err := splitWords(s)
	if err != nil {
		return Fault{}, fmt.Errorf("parse fault %q: %w", s, err)
	}
	if len(words) == 0 || words[0] == "" {
		return Fault{}, fmt.Errorf("parse fault: no name")
	}
	f := Fault{Name: words[0]}
	words = words[1:]
	if len(words) > 0 && words[0] == "" {
		return Fault{}, fmt.Errorf("parse fault %q: empty target", s)
	}
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		f.Target, words = words[0], words[1:]
	}
	f.Args = append(f.Args, words...)
	return f, nil
}

// quoteWord writes a word so that splitWords reads it back.
func quoteWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n\"'\\") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// FaultKind is a fault that can be switched on.
type FaultKind struct {
	Name   string
	Target string     // what Target of the fault is: "MACHINE" (see Targets), something of the kind's own (in brackets where it can be left out), or "" for none
	Args   []FaultArg // in the order in which values without name= are taken
	Help   string     // what happens, one line

	// Apply switches a fault of a registered kind on, and returns how to switch it off (nil: nothing to do). It is
	// called without locks held, with the arguments checked and completed by their defaults, and may call the world.
	Apply func(f Fault, a Args) (undo func(), err error)

	hosts   bool                                             // happens to whole hosts, whatever runs on them
	begin   func(w *World, f *activeFault) error             // of the whole world; under lock
	end     func(w *World, f *activeFault)                   //
	machine func(w *World, m *machine, f *activeFault) error // of each machine of the target; under lock
	restore func(w *World, m *machine)                       //
}

// FaultArg is an argument of a fault.
type FaultArg struct {
	Name    string
	Default string // which also says what it is: a number, a duration, or text
	Help    string
}

// Usage is the fault with its arguments, as help prints it.
func (k FaultKind) Usage() string {
	s := k.Name
	if k.Target != "" {
		s += " " + k.Target
	}
	for _, a := range k.Args {
		s += fmt.Sprintf(" [%s=%s]", a.Name, quoteWord(a.Default))
	}
	return s
}

// Targets is how the target MACHINE of a fault can be written, for help texts.
const Targets = "MACHINE is an id, a name, the beginning of an id, all, any (the first that runs), region:CODE, group:NAME or host:NAME"

// untilRestart is an argument that every fault of a machine takes beside its own: it ends for a machine when a request, an update
// too, gives that a new process. Without it, a fault goes on until it is switched off.
const untilRestart = "until=restart"

// UntilRestart is what untilRestart does, for help texts.
const UntilRestart = "A fault of a MACHINE that it can recover from takes " + untilRestart + " too: an update or a restart of a machine ends it there"

// Args is the arguments of a fault by name, complete.
type Args map[string]string

// Int is an argument whose default is a number.
func (a Args) Int(name string) int {
	n, _ := strconv.Atoi(a[name])
	return n
}

// Duration is an argument whose default is a duration.
func (a Args) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(a[name])
	return d
}

// complete checks f against its kind and gives every argument a value.
func (k FaultKind) complete(f *Fault) (Args, error) {
	if k.Target == "" && f.Target != "" {
		f.Args = append([]string{f.Target}, f.Args...)
		f.Target = ""
	}
	if k.Target != "" && k.Target[0] != '[' && f.Target == "" {
		return nil, fmt.Errorf("%s needs a target: %s", k.Name, k.Usage())
	}
	args := Args{}
	for _, a := range k.Args {
		args[a.Name] = a.Default
	}
	n := 0
	for _, word := range f.Args {
		if word == untilRestart && k.restore != nil {
			args["until"] = "restart"
			continue
		}
		name, value, named := strings.Cut(word, "=")
		if !named {
			if n >= len(k.Args) {
				return nil, fmt.Errorf("%s: %q is too much: %s", k.Name, word, k.Usage())
			}
			name, value = k.Args[n].Name, word
			n++
		}
		i := slices.IndexFunc(k.Args, func(a FaultArg) bool { return a.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s takes no %q: %s", k.Name, name, k.Usage())
		}
		if err := k.Args[i].check(value); err != nil {
			return nil, fmt.Errorf("%s: %w", k.Name, err)
		}
		args[name] = value
	}
	return args, nil
}

func (a FaultArg) check(value string) error {
	if _, err := strconv.Atoi(a.Default); err == nil {
		if n, err := strconv.Atoi(value); err != nil || n < 0 {
			return fmt.Errorf("%s=%q is not a number from 0", a.Name, value)
		}
		return nil
	}
	if _, err := time.ParseDuration(a.Default); err == nil {
		if d, err := time.ParseDuration(value); err != nil || d < 0 {
			return fmt.Errorf("%s=%q is not a duration such as %s", a.Name, value, a.Default)
		}
	}
	return nil
}

// activeFault is a fault that is on.
type activeFault struct {
	Fault
	kind FaultKind
	args Args
	left int      // how often it still happens; 0: without end
	on   []string // ids of the machines it happens to
	undo func()

	release *release // of a concurrent deployer
}

// RegisterFault adds a kind that another part of the simulation implements.
func (w *World) RegisterFault(k FaultKind) error {
	w.lock()
	defer w.unlock()
	if k.Name == "" || k.Apply == nil {
		return fmt.Errorf("register fault %q: name and Apply are needed", k.Name)
	}
	if slices.ContainsFunc(w.kinds, func(x FaultKind) bool { return x.Name == k.Name }) {
		return fmt.Errorf("register fault %q: there is one already", k.Name)
	}
	w.kinds = append(w.kinds, k)
	return nil
}

// FaultKinds is every fault that can be switched on, in the order of help texts.
func (w *World) FaultKinds() []FaultKind {
	w.lock()
	defer w.unlock()
	return slices.Clone(w.kinds)
}

// Faults is the faults that are on, in the order they were switched on.
func (w *World) Faults() []Fault {
	w.lock()
	defer w.unlock()
	ff := make([]Fault, 0, len(w.faults))
	for _, f := range w.faults {
		ff = append(ff, f.Fault)
	}
	return ff
}

// SetFault switches a fault on. The same fault of the same target is replaced.
func (w *World) SetFault(f Fault) error {
	w.faultMu.Lock()
	defer w.faultMu.Unlock()
	w.lock()
	i := slices.IndexFunc(w.kinds, func(k FaultKind) bool { return k.Name == f.Name })
	if i < 0 {
		w.unlock()
		return fmt.Errorf("no fault %q", f.Name)
	}
	k := w.kinds[i]
	f.Args = slices.Clone(f.Args)
	args, err := k.complete(&f)
	var mm []*machine
	if err == nil && strings.HasPrefix(k.Target, "MACHINE") {
		mm, err = w.targets(k, f.Target)
	}
	w.unlock()
	if err != nil {
		return fmt.Errorf("set fault: %w", err)
	}
	w.clear(func(x *activeFault) bool { return x.Name == f.Name && x.Target == f.Target })

	a := &activeFault{Fault: f, kind: k, args: args, left: args.Int("n")}
	if k.Apply != nil {
		if a.undo, err = k.Apply(f, args); err != nil {
			return fmt.Errorf("set fault %s: %w", f, err)
		}
	}
	w.lock()
	defer w.unlock()
	w.faults = append(w.faults, a)
	w.dirty = true
	if k.begin != nil {
		if err = k.begin(w, a); err != nil {
			w.faults = w.faults[:len(w.faults)-1]
			return fmt.Errorf("set fault %s: %w", f, err)
		}
	}
	for _, m := range mm {
		if err = w.strike(a, m); err != nil {
			w.lift(a)
			return fmt.Errorf("set fault %s: %w", f, err)
		}
	}
	return nil
}

// strike lets a fault happen to a machine.
func (w *World) strike(a *activeFault, m *machine) error {
	if a.kind.machine == nil {
		return nil
	}
	if err := a.kind.machine(w, m, a); err != nil {
		return err
	}
	a.on = append(a.on, m.id)
	w.touch(m)
	return nil
}

// lift takes a fault away.
func (w *World) lift(a *activeFault) {
	w.faults = slices.DeleteFunc(w.faults, func(x *activeFault) bool { return x == a })
	if a.kind.end != nil {
		a.kind.end(w, a)
	}
	for _, id := range a.on {
		if m := w.machines[id]; m != nil && a.kind.restore != nil {
			a.kind.restore(w, m)
			w.touch(m)
		}
	}
	w.dirty = true
}

// mend ends for m what lasts until it gets a new process.
func (w *World) mend(m *machine) {
	for _, a := range slices.Clone(w.faults) {
		i := slices.Index(a.on, m.id)
		if i < 0 || a.args["until"] != "restart" {
			continue
		}
		a.on = slices.Delete(a.on, i, i+1)
		a.kind.restore(w, m)
		if len(a.on) == 0 {
			w.lift(a)
		}
		w.dirty = true
	}
}

// clear switches off what which says, and returns how many that were. faultMu must be held.
func (w *World) clear(which func(*activeFault) bool) int {
	w.lock()
	var off []*activeFault
	for _, a := range slices.Clone(w.faults) {
		if which(a) {
			off = append(off, a)
			w.lift(a)
		}
	}
	w.unlock()
	for _, a := range off {
		if a.undo != nil {
			a.undo()
		}
	}
	return len(off)
}

// ClearFault switches off every fault of a name, or with "name target" that one, or with "all" everything.
func (w *World) ClearFault(name string) error {
	w.faultMu.Lock()
	defer w.faultMu.Unlock()
	f, err := ParseFault(name)
	if err != nil {
		return fmt.Errorf("clear fault: %w", err)
	}
	n := w.clear(func(a *activeFault) bool {
		return f.Name == "all" || a.Name == f.Name && (f.Target == "" || f.Target == a.Target)
	})
	if n == 0 && f.Name != "all" {
		return fmt.Errorf("clear fault: %q is not on", name)
	}
	return nil
}

// on is the fault of a name that is on, or nil.
func (w *World) on(name string) *activeFault {
	for _, a := range w.faults {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// use says whether a fault is on, and counts where it happens a number of times only.
func (w *World) use(name string) bool {
	a := w.on(name)
	if a == nil {
		return false
	}
	if a.left > 0 {
		if a.left--; a.left == 0 {
			w.lift(a)
		}
	}
	return true
}

// targets is the machines that a target names as that of a kind of fault.
func (w *World) targets(k FaultKind, target string) ([]*machine, error) {
	var mm []*machine
	for _, a := range w.appOrder {
		for _, m := range a.machines {
			if !m.gone() && m.matches(target) && k.means(m, target) {
				mm = append(mm, m)
				if target == "any" {
					return mm, nil
				}
			}
		}
	}
	prefix := len(target) >= 4 && !strings.Contains(target, ":")
	if exact := slices.IndexFunc(mm, func(m *machine) bool { return m.id == target || m.name == target }); exact >= 0 {
		return mm[exact : exact+1], nil
	}
	if prefix && len(mm) > 1 {
		return nil, fmt.Errorf("%q begins the ids of %d machines", target, len(mm))
	}
	if len(mm) == 0 {
		return nil, fmt.Errorf("no machine %q; %s", target, Targets)
	}
	return mm, nil
}

// matches says whether a target names m, among others perhaps.
func (m *machine) matches(target string) bool {
	kind, value, class := strings.Cut(target, ":")
	switch {
	case target == "all":
		return true
	case target == "any":
		return m.state == "started" && m.cfg.group() == "app"
	case class && kind == "region":
		return m.region == value
	case class && kind == "group":
		return m.cfg.group() == value
	case class && kind == "host":
		return m.host == value
	}
	return m.id == target || m.name == target || len(target) >= 4 && strings.HasPrefix(m.id, target)
}

// means says whether a target that names m among others is to mean it too: what is said of instances in general is not
// said of databases.
func (k FaultKind) means(m *machine, target string) bool {
	class := target == "all" || strings.HasPrefix(target, "region:")
	return k.hosts || !class || m.app.role != rolePostgres
}

// created lets faults of whole classes of machines happen to a new one.
func (w *World) created(m *machine) {
	for _, a := range slices.Clone(w.faults) {
		if (a.Target == "all" || strings.Contains(a.Target, ":")) && m.matches(a.Target) && a.kind.means(m, a.Target) {
			// A fault that cannot happen to the new machine leaves it healthy.
			_ = w.strike(a, m)
		}
	}
}
