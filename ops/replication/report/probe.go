package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"ops-console/ops/plaintext"
	"ops-console/ops/replication"
)

// ProbeJSON writes what a probe measured as JSON.
func ProbeJSON(w io.Writer, r *replication.ProbeResult) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write probe: %w", err)
	}
	return nil
}

// ProbeText writes what a probe measured as text, a replica a line.
func ProbeText(w io.Writer, r *replication.ProbeResult) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "a write at %s was visible\n", r.LSN)
	for _, name := range slices.Sorted(maps.Keys(r.Visible)) {
		when := "not within the time that was waited"
		if took := r.Text(name); took != "" {
			when = "after " + took
		}
		fmt.Fprintf(t, "  %s\t%s\n", plaintext.Line(name, 60), when)
	}
	if len(r.Visible) == 0 {
		fmt.Fprintln(t, "  on no replica: none could be asked")
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write probe: %w", err)
	}
	return nil
}
