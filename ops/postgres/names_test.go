package postgres

import "testing"

func TestFunctionsOfOthersAreNotCalled(t *testing.T) {
	l := newLab(t)
	p := l.cluster.Primary()
	if err := p.Exec(t.Context(), "app", "create function public.concat(text, text) returns text language sql as $$ select 'taken over' $$"); err != nil {
		t.Fatal(err)
	}
	c := open(t, as(t, p, "dbname=app"), nil)
	query := "select concat('a'::text, 'b'::text)"
	for range 3 { // asked, prepared, and planned already
		a, err := c.Ask(t.Context(), query, 0)
		if err != nil || a.Value != "ab" {
			t.Errorf("%s: got %q, %v", query, a.Value, err)
		}
		if query != "execute q" {
			if err := c.Prepare(t.Context(), "q", query); err != nil {
				t.Fatal(err)
			}
			query = "execute q"
		}
	}
}
