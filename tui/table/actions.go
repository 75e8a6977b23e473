package table

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// Actions are the table's own: moving and, where it can be sorted, sorting. A pane appends them to its actions.
func (t *Table) Actions() []action.Action {
	if t.acts == nil {
		t.acts = t.actions()
	}
	return t.acts
}

func (t *Table) actions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	aa := []action.Action{
		{Name: "down", Help: "next row", Keys: []string{"j", "down"}, Hidden: true, Run: do(func() { t.Move(1) })},
		{Name: "up", Help: "previous row", Keys: []string{"k", "up"}, Hidden: true, Run: do(func() { t.Move(-1) })},
		{Name: "half page down", Help: "half a page down", Keys: []string{"ctrl+d"}, Hidden: true, Run: do(func() { t.Page(1) })},
		{Name: "half page up", Help: "half a page up", Keys: []string{"ctrl+u"}, Hidden: true, Run: do(func() { t.Page(-1) })},
		{Name: "page down", Help: "a page down", Keys: []string{"pgdown", "ctrl+f"}, Hidden: true, Run: do(func() { t.Page(2) })},
		{Name: "page up", Help: "a page up", Keys: []string{"pgup", "ctrl+b"}, Hidden: true, Run: do(func() { t.Page(-2) })},
		{Name: "top", Help: "first row", Keys: []string{"g", "home"}, Hidden: true, Run: do(t.Top)},
		{Name: "bottom", Help: "last row", Keys: []string{"G", "end"}, Hidden: true, Run: do(t.Bottom)},
	}
	for _, c := range t.Columns {
		if c.Compare != nil {
			return append(aa,
				action.Action{Name: "sort", Help: "sort by the next column", Keys: []string{"s"}, Hidden: true, Args: t.sortable, Run: t.sortCmd},
				action.Action{Name: "reverse sort", Help: "turn the order around", Keys: []string{"S"}, Hidden: true, Run: do(t.ReverseSort)},
			)
		}
	}
	return aa
}

func (t *Table) sortable(string) []string {
	var ids []string
	for _, c := range t.Columns {
		if c.Compare != nil {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (t *Table) sortCmd(arg string) tea.Cmd {
	if arg == "" {
		t.NextSort()
		return nil
	}
	ids := t.sortable("")
	found := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !strings.HasPrefix(id, arg) })
	if slices.Contains(ids, arg) {
		found = []string{arg}
	}
	if len(found) != 1 {
		err := fmt.Errorf("sort: no column is called %q; there are %s", arg, strings.Join(ids, ", "))
		return func() tea.Msg { return pane.ToastMsg{Err: err} }
	}
	t.SetSort(found[0], t.column(found[0]).Desc)
	return nil
}
