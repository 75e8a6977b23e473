// Package table shows rows by the thousand: columns are data, and only what is visible is formatted. It keeps the
// cursor on the same row by its key when rows come, go and change places. It never fetches, and holds no row: cells
// are asked for by index.
package table

import (
	"slices"
	"strconv"

	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/paint"
)

// Column is one column as data. Set Cell, or Draw for cells of more than one role.
type Column struct {
	ID    string // what sorting by it is called; unique
	Title string
	Width int // cells it wants
	Min   int // cells it needs at least; 0: Width
	Flex  int // share of the cells nobody wants
	Align paint.Align
	Drop  int  // where it gets narrow, the highest goes first; 0 never goes
	Tight bool // one blank after it instead of two

	Cell func(i int) (string, themes.Role)
	Draw func(l *paint.Line, i, w int)

	// Compare orders rows a and b by this column; nil: it cannot be sorted by. Desc is its natural direction.
	Compare func(a, b int) int
	Desc    bool
}

// Table is the state of one table. Set the exported fields once, then call SetLen whenever the rows have changed.
type Table struct {
	Columns []Column
	Key     func(i int) string // identity of a row, stable while it lives
	Text    func(i int) string // what the filter looks at; nil: the table cannot be filtered
	// Group, if set, puts rows of the same group under one header line; groups come in the order of their first row.
	Group func(i int) string
	// GroupLine draws the header line of a group whose rows are items; nil draws its name and the number of rows.
	GroupLine func(l *paint.Line, group string, items []int)
	Empty     string // what to say where there is no row
	// Blurred is set while the cursor of the pane is not in this table: no row is drawn as the selected one.
	Blurred bool

	n       int
	entries []entry // what is shown, in order
	groups  []group
	shown   int // entries that are rows
	cursor  int // index into entries, always a row; -1: none
	key     string
	want    string // the key of a row that was selected before it was there
	filter  Filter
	sortBy  string
	desc    bool

	layout layout
	top    int // first entry of the last View
	height int // entries the last View had room for
	acts   []action.Action
}

// entry is a row, or the header of a group where row is negative.
type entry struct{ row, group int }

type group struct {
	name  string
	items []int
}

// SetLen says that there are n rows now and that any of them may have changed: they are filtered, sorted and grouped
// again, and the cursor goes to where its row is now.
func (t *Table) SetLen(n int) {
	t.n = n
	t.rebuild()
}

// SetFilter shows only the rows that match; see ParseFilter. It returns how many do, of how many.
func (t *Table) SetFilter(text string) (n, total int) {
	t.filter = ParseFilter(text)
	t.rebuild()
	return t.shown, t.n
}

// Len is how many rows are shown, of how many.
func (t *Table) Len() (n, total int) { return t.shown, t.n }

func (t *Table) rebuild() {
	rows := make([]int, 0, t.n)
	for i := range t.n {
		if t.Text == nil || t.filter.Empty() || t.filter.Match(t.Text(i)) {
			rows = append(rows, i)
		}
	}
	if c := t.column(t.sortBy); c != nil && c.Compare != nil {
		slices.SortStableFunc(rows, func(a, b int) int {
			if t.desc {
				a, b = b, a
			}
			return c.Compare(a, b)
		})
	}
	t.shown = len(rows)
	t.entries, t.groups = t.entries[:0], t.groups[:0]
	if t.Group == nil {
		for _, i := range rows {
			t.entries = append(t.entries, entry{row: i})
		}
	} else {
		at := map[string]int{}
		for _, i := range rows {
			name := t.Group(i)
			g, ok := at[name]
			if !ok {
				g = len(t.groups)
				at[name] = g
				t.groups = append(t.groups, group{name: name})
			}
			t.groups[g].items = append(t.groups[g].items, i)
		}
		for g := range t.groups {
			t.entries = append(t.entries, entry{row: -1, group: g})
			for _, i := range t.groups[g].items {
				t.entries = append(t.entries, entry{row: i, group: g})
			}
		}
	}
	t.follow()
}

// follow puts the cursor back on its row; where that is gone, on the one that took its place.
func (t *Table) follow() {
	if e := t.find(t.want); e >= 0 {
		t.cursor, t.key, t.want = e, t.want, ""
		return
	}
	if e := t.find(t.key); e >= 0 {
		t.cursor = e
		return
	}
	t.place(t.cursor, 1)
}

func (t *Table) find(key string) int {
	if key == "" || t.Key == nil {
		return -1
	}
	return slices.IndexFunc(t.entries, func(e entry) bool { return e.row >= 0 && t.Key(e.row) == key })
}

// place puts the cursor on the row at e or the next one in direction dir, within the table.
func (t *Table) place(e, dir int) {
	if t.shown == 0 {
		t.cursor = -1
		return
	}
	e = min(max(e, 0), len(t.entries)-1)
	for t.entries[e].row < 0 {
		if e+dir < 0 || e+dir >= len(t.entries) {
			dir = -dir
		}
		e += dir
	}
	t.cursor = e
	if t.Key != nil {
		t.key = t.Key(t.entries[e].row)
	}
}

// Cursor is the row the cursor is on; false where there is none.
func (t *Table) Cursor() (row int, ok bool) {
	if t.shown == 0 || t.cursor < 0 || t.cursor >= len(t.entries) {
		return 0, false
	}
	return t.entries[t.cursor].row, true
}

// Select puts the cursor on the row with a key, and says whether it is shown. A row that comes later is selected
// when it comes.
func (t *Table) Select(key string) bool {
	t.want = key
	t.follow()
	return t.want == ""
}

// Move moves the cursor by n rows, counting rows only.
func (t *Table) Move(n int) {
	if t.shown == 0 {
		return
	}
	dir, e := 1, t.cursor
	if n < 0 {
		dir, n = -1, -n
	}
	for ; n > 0; n-- {
		next := e + dir
		for next >= 0 && next < len(t.entries) && t.entries[next].row < 0 {
			next += dir
		}
		if next < 0 || next >= len(t.entries) {
			break
		}
		e = next
	}
	t.want = ""
	t.place(e, dir)
}

// Top moves the cursor to the first row.
func (t *Table) Top() { t.Move(-len(t.entries)) }

// Bottom moves the cursor to the last row.
func (t *Table) Bottom() { t.Move(len(t.entries)) }

// Page moves the cursor by parts of a page: 2 is a page down, -1 half a page up.
func (t *Table) Page(halves int) { t.Move(halves * max(t.height/2, 1)) }

// Sort is the column the rows are sorted by, empty for their own order.
func (t *Table) Sort() (id string, desc bool) { return t.sortBy, t.desc }

// SetSort sorts by a column; an empty id restores the rows' own order. An unknown one changes nothing.
func (t *Table) SetSort(id string, desc bool) {
	if c := t.column(id); id != "" && (c == nil || c.Compare == nil) {
		return
	}
	t.sortBy, t.desc = id, desc
	t.rebuild()
}

// NextSort goes to the next visible column that can be sorted by, in its natural direction, and after the last one
// back to the rows' own order.
func (t *Table) NextSort() {
	ids := []string{""}
	for _, c := range t.Columns {
		if c.Compare != nil && (t.layout.w == 0 || t.layout.visible(c.ID)) {
			ids = append(ids, c.ID)
		}
	}
	id := ids[(slices.Index(ids, t.sortBy)+1)%len(ids)]
	c := t.column(id)
	t.SetSort(id, c != nil && c.Desc)
}

// ReverseSort turns the order of a sorted table around.
func (t *Table) ReverseSort() {
	if t.sortBy != "" {
		t.SetSort(t.sortBy, !t.desc)
	}
}

// Position says which rows are visible, "12–40 of 1000"; empty where all are.
func (t *Table) Position() string {
	if t.height == 0 || len(t.entries) <= t.height {
		return ""
	}
	first, last := 0, 0
	for e := range min(t.top+t.height, len(t.entries)) {
		if t.entries[e].row >= 0 {
			if last++; e < t.top {
				first++
			}
		}
	}
	return strconv.Itoa(first+1) + "-" + strconv.Itoa(last) + " of " + strconv.Itoa(t.shown)
}

func (t *Table) column(id string) *Column {
	for i := range t.Columns {
		if t.Columns[i].ID == id && id != "" {
			return &t.Columns[i]
		}
	}
	return nil
}
