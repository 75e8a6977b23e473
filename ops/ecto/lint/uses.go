package lint

import (
	"fmt"
	"slices"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/app"
)

// uses is where the application's schemas name a table, or a column of it. known is false where that cannot be told: no
// schemas were read.
func (r *run) uses(table ecto.Name, column string) (uu []app.Use, known bool) {
	if r.App == nil || len(r.App.List) == 0 {
		return nil, false
	}
	if column == "" {
		return r.App.Table(table), true
	}
	return r.App.Column(table, column), true
}

// open is the schemas of a table, under any of its names, that a macro may give more fields than are seen.
func (r *run) open(names ...ecto.Name) []app.Use {
	if r.App == nil {
		return nil
	}
	var out []app.Use
	for _, n := range slices.Compact(names) {
		out = append(out, r.App.Open(n)...)
	}
	return out
}

// mayHave says that a schema may name a column of a table though it is not seen to.
func mayHave(u app.Use, table ecto.Name) string {
	return fmt.Sprintf("no schema of %s is seen to have the field, but a macro may give it to %s", table, useText(u))
}

// useText is lib/blog/post.ex:12 (Blog.Post).
func useText(u app.Use) string {
	if u.Module == "" {
		return fmt.Sprintf("%s:%d", u.Path, u.At.Line)
	}
	return fmt.Sprintf("%s:%d (%s)", u.Path, u.At.Line, u.Module)
}

// inCode says how bad it is that something goes from under the code's feet: as it was said where a schema names it, a
// remark where none does.
func (r *run) inCode(base Severity, table ecto.Name, column string) (Severity, []string) {
	uu, known := r.uses(table, column)
	what := table.String()
	if column != "" {
		what += "." + column
	}
	switch {
	case !known:
		return base, []string{"assumed to be in use: no schemas of the application were read"}
	case len(uu) == 0 && column != "" && len(r.open(table)) > 0:
		return min(base, Info), []string{mayHave(r.open(table)[0], table)}
	case len(uu) == 0:
		return min(base, Info), []string{"no schema of the application names " + what}
	case len(uu) == 1:
		return base, []string{useText(uu[0]) + " names " + what}
	}
	return base, []string{fmt.Sprintf("%s and %d more name %s", useText(uu[0]), len(uu)-1, what)}
}
