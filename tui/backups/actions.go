package backups

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/backup"
	"ops-console/ops/backup/retain"
	"ops-console/tui/action"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// command is a command line of this program for the application.
func (p *Pane) command(rest string) string {
	return "ops-console --app " + quote(p.profile) + " " + rest
}

// ask asks the console for a deed.
func ask(m pane.BackupMsg) tea.Cmd { return func() tea.Msg { return m } }

// Actions are what can be done here.
func (p *Pane) Actions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	r := p.selected()
	open := action.Action{Name: "open", Help: "detail", Keys: []string{"enter"}, Run: do(func() { p.open = !p.open })}
	switch {
	case r == nil:
		open.Disabled = p.nobody()
	case p.open:
		open.Help = "close"
	}
	aa := []action.Action{open, p.takeAction(), p.verifyAction(backup.Counted), p.restoreAction(), p.swapAction()}
	cancel := action.Action{
		Name: "cancel", Help: "cancel", About: "have the job that runs come to an end; what it began is taken back", Keys: []string{"x"}, Hidden: true,
		Run: func(string) tea.Cmd { return ask(pane.BackupMsg{Do: pane.BackupCancel}) },
	}
	if j := p.job(); j.Runs() {
		cancel.Hidden = false
		if j.Stopping {
			cancel.Disabled = "it is being cancelled"
		}
		aa = append([]action.Action{cancel}, aa...)
	} else {
		cancel.Disabled = "no job runs"
		aa = append(aa, cancel)
	}
	show := action.Action{
		Name: "show", Help: "show", About: "show only the backups that retention lets go, those it keeps, pinned or doubtful ones, or all again",
		Keys: []string{"f"}, Args: onlyWords, Run: p.showCmd,
	}
	if len(p.all) == 0 {
		show.Disabled = p.nobody()
	}
	aa = append(aa, p.verifyAction(backup.Restored), p.pruneAction(), p.pinAction(), p.unpinAction(), show)
	if p.open && !p.wide {
		return append(aa, p.detail.Actions(true)...)
	}
	for _, a := range p.table.Actions() {
		if p.open && (a.Name == "half page down" || a.Name == "half page up") {
			continue
		}
		aa = append(aa, a)
	}
	if p.open {
		aa = append(aa, p.detail.Actions(false)...)
	}
	return aa
}

// nobody says why there is no backup to act on.
func (p *Pane) nobody() string {
	switch {
	case p.told && !p.known:
		return "no store is configured"
	case p.read() == nil:
		return "nothing has been read yet"
	case len(p.all) == 0:
		return "there is no backup"
	}
	return "no backup is selected"
}

// busy says why no other job can be begun; empty: one can.
func (p *Pane) busy() string {
	switch j := p.job(); {
	case p.told && !p.known:
		return "no store is configured"
	case p.feed.Value == nil:
		return "nothing has been read yet"
	case j.Runs():
		return j.Title + " still runs"
	}
	return ""
}

// about is a backup in a few words: "of 2026-11-21 14:07Z, 489 MB".
func about(r *row) string {
	return "of " + r.at.UTC().Format("2006-01-02 15:04Z") + ", " + paint.Bytes(r.Manifest.Stored())
}

func (p *Pane) takeAction() action.Action {
	a := action.Action{
		Name: "take", Help: "back up", Keys: []string{"B"}, Danger: action.Changes, Command: p.command("backup run"), Disabled: p.busy(),
		About: "take a backup now, through the private network, and prove it as far as the profile says",
		Run:   func(string) tea.Cmd { return ask(pane.BackupMsg{Do: pane.BackupTake}) },
	}
	s := p.read()
	if s == nil {
		return a
	}
	a.Touches = append(a.Touches, action.Touch{What: s.Source.Database, How: "read in one snapshot; nobody has to wait"})
	how := "one more object"
	if len(p.all) > 0 {
		how = "about " + paint.Bytes(p.all[0].Manifest.Stored()) + " more, as the last one"
	}
	store, _, _ := strings.Cut(s.Store, "?")
	a.Touches = append(a.Touches, action.Touch{What: store, How: how})
	a.Plan = "Take a backup of " + s.Source.Database + " now, and prove it as far as the profile says."
	if !s.Encrypted {
		a.Touches = append(a.Touches, action.Touch{What: "not encrypted", How: "whoever reads the store reads the data", Warn: true})
	}
	return a
}

func (p *Pane) verifyAction(level backup.Level) action.Action {
	r := p.selected()
	a := action.Action{
		Name: "verify", Help: "verify", Keys: []string{"v"}, Disabled: p.busy(),
		About: "read the backup back, every sum checked, and count the rows of each table",
	}
	if level == backup.Restored {
		a.Name, a.Help, a.Keys, a.Hidden = "verify restored", "prove", []string{"V"}, false
		a.About = "restore the backup into a throw-away server on this machine and compare; it needs the disk that the database needs"
	}
	if r == nil {
		if a.Disabled == "" {
			a.Disabled = p.nobody()
		}
		return a
	}
	id := r.Manifest.ID
	a.Command = p.command("backup verify " + string(id) + " --level " + level.String())
	a.Run = func(string) tea.Cmd { return ask(pane.BackupMsg{Do: pane.BackupVerify, ID: id, Level: level}) }
	return a
}

func (p *Pane) restoreAction() action.Action {
	r := p.selected()
	a := action.Action{
		Name: "restore", Help: "restore", Keys: []string{"R"}, Danger: action.Changes, Disabled: p.busy(),
		About: "restore the backup into a new database beside the original, on the primary; nothing changes for the application",
	}
	if r == nil {
		if a.Disabled == "" {
			a.Disabled = p.nobody()
		}
		return a
	}
	m := &r.Manifest
	id := m.ID
	a.Command = p.command("backup restore " + string(id))
	a.Plan = "Restore the backup " + about(r) + ", beside the original."
	a.Run = func(string) tea.Cmd { return ask(pane.BackupMsg{Do: pane.BackupRestore, ID: id}) }
	d, _ := m.Dump()
	a.Touches = []action.Touch{
		{What: m.Database + "_restore_TIME", How: "new, about " + paint.Bytes(d.Raw.Bytes) + " and its indexes"},
		{What: m.Database, How: "is not touched"},
		{What: "disk and processor of the primary", How: "busy meanwhile", Warn: true},
	}
	switch {
	case r.broken != "":
		a.Touches = append(a.Touches, action.Touch{What: "this backup is BROKEN", How: r.broken, Warn: true})
	case !r.known || r.proven.Level < backup.Decoded:
		a.Touches = append(a.Touches, action.Touch{What: "nobody has read this backup back", How: "v does that first", Warn: true})
	}
	return a
}

func (p *Pane) swapAction() action.Action {
	a := action.Action{
		Name: "swap", Help: "swap in", Keys: []string{"S"}, Danger: action.Destroys, Hidden: true, Disabled: p.busy(),
		About: "put the database that was restored in the original's place: both change their names at once",
		Undo:  "backup swap --undo NAME, which is told when it is done",
	}
	s := p.feed.Value
	if s == nil || s.Restored == nil {
		if a.Disabled == "" {
			a.Disabled = "this console has restored nothing yet; for a database that is there already: " + p.command("backup swap NAME")
		}
		return a
	}
	made := s.Restored
	a.Hidden = false
	a.Command = p.command("backup swap " + quote(made.Database))
	a.Plan = "Put " + made.Database + " in the place of " + made.Original + " on " + made.Server + "."
	a.Touches = []action.Touch{
		{What: made.Original, How: "becomes " + made.Original + "_before_TIME, and stays"},
		{What: made.Database, How: "becomes " + made.Original},
		{What: "every session of both", How: "is ended; the application connects anew", Warn: true},
		{What: "what was written since the backup", How: "is only in the one set aside", Warn: true},
	}
	a.Run = func(string) tea.Cmd { return ask(pane.BackupMsg{Do: pane.BackupSwap, Text: made.Database}) }
	return a
}

func (p *Pane) pruneAction() action.Action {
	a := action.Action{
		Name: "prune", Help: "prune", Keys: []string{"P"}, Danger: action.Destroys, Disabled: p.busy(),
		About:   "remove the backups that retention lets go, those and no others",
		Command: p.command("backup prune"),
	}
	s := p.read()
	if s == nil {
		if a.Disabled == "" {
			a.Disabled = p.nobody()
		}
		return a
	}
	var (
		ids    []backup.ID
		bytes  int64
		frozen string
	)
	for i := range p.all {
		r := &p.all[i]
		if r.decision.Frozen != "" {
			frozen = r.decision.Frozen
		}
		if !r.goes() {
			continue
		}
		ids = append(ids, r.Manifest.ID)
		bytes += r.Manifest.Stored()
		a.Touches = append(a.Touches, action.Touch{What: tail(r.Manifest.ID) + " " + about(r), How: strings.Join(r.decision.Reasons, ", ")})
	}
	switch {
	case a.Disabled != "":
	case s.PolicyErr != nil:
		a.Disabled = "retention: " + s.PolicyErr.Error()
	case len(ids) == 0 && frozen != "":
		a.Disabled = "nothing goes: " + frozen
	case len(ids) == 0:
		a.Disabled = "nothing goes: " + keeps(s.Policy) + " keeps all " + paint.Count(len(p.all), "backup", "backups")
	}
	a.Plan = fmt.Sprintf("Remove %s, %s; %d stay.", paint.Count(len(ids), "backup", "backups"), paint.Bytes(bytes), len(p.all)-len(ids))
	a.Run = func(string) tea.Cmd { return ask(pane.BackupMsg{Do: pane.BackupPrune, IDs: ids}) }
	return a
}

// keeps is a policy in quotes.
func keeps(policy retain.Policy) string { return "“" + policy.String() + "”" }

func (p *Pane) pinAction() action.Action {
	r := p.selected()
	a := action.Action{Name: "pin", Help: "pin", About: "keep the backup whatever retention says, for a reason that others read; needs arming", Keys: []string{"p"}, Hidden: true}
	switch {
	case r == nil:
		a.Disabled = p.nobody()
		return a
	case r.Pin != nil:
		a.Disabled = "it is pinned already: " + r.Pin.Why
		return a
	}
	id := r.Manifest.ID
	pin := action.Action{
		Name: "pin", Help: "pin", About: "Keep the backup " + about(r) + ", until somebody unpins it.", Danger: action.Changes,
		Command: p.command("backup pin " + string(id) + " --why …"),
		Run:     func(why string) tea.Cmd { return ask(pane.BackupMsg{Do: pane.BackupPin, ID: id, Text: why}) },
	}
	a.Command = pin.Command
	a.Run = func(why string) tea.Cmd {
		if why = strings.TrimSpace(why); why != "" {
			return func() tea.Msg { return pane.ConfirmMsg{Action: pin, Arg: why} }
		}
		return func() tea.Msg {
			return pane.AskMsg{Action: pin, Title: "Pin the backup " + about(r), About: "Retention leaves it alone until somebody unpins it. The reason is kept beside it and shown wherever it is listed.", Label: "reason"}
		}
	}
	return a
}

func (p *Pane) unpinAction() action.Action {
	r := p.selected()
	a := action.Action{Name: "unpin", Help: "unpin", About: "let retention decide about the backup again", Keys: []string{"u"}, Danger: action.Changes, Hidden: true}
	switch {
	case r == nil:
		a.Disabled = p.nobody()
		return a
	case r.Pin == nil:
		a.Disabled = "it is not pinned"
		return a
	}
	id := r.Manifest.ID
	a.Command = p.command("backup unpin " + string(id))
	a.Plan = "Let retention decide about the backup " + about(r) + " again."
	a.Touches = []action.Touch{{What: "pinned by " + r.Pin.By, How: r.Pin.Why}}
	a.Run = func(string) tea.Cmd { return ask(pane.BackupMsg{Do: pane.BackupPin, ID: id}) }
	return a
}

func onlyWords(string) []string {
	var out []string
	for _, o := range onlys {
		out = append(out, o.word)
	}
	return out
}

// showCmd goes to the next choice that shows anything, or to the one that is named.
func (p *Pane) showCmd(arg string) tea.Cmd {
	if arg != "" {
		o := onlyNamed(arg)
		if o == everything && arg != onlys[everything].word {
			err := fmt.Errorf("show %q: want %s", arg, strings.Join(onlyWords(""), ", "))
			return func() tea.Msg { return pane.ToastMsg{Err: err} }
		}
		p.only = o
		p.choose()
		return nil
	}
	for range onlys {
		p.only = (p.only + 1) % only(len(onlys))
		p.choose()
		if len(p.rows) > 0 || p.only == everything {
			return nil
		}
	}
	return nil
}
