package locks_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
)

func TestVolatilityOf(t *testing.T) {
	for expression, want := range map[string]struct {
		v     locks.Volatility
		names []string
	}{
		"now()":                                   {locks.NotVolatile, nil},
		"CURRENT_TIMESTAMP":                       {locks.NotVolatile, nil},
		"current_timestamp(0)":                    {locks.NotVolatile, nil},
		"timezone('utc', now())":                  {locks.NotVolatile, nil},
		"(now() AT TIME ZONE 'utc')":              {locks.NotVolatile, nil},
		"'{}'::jsonb":                             {locks.NotVolatile, nil},
		"'random()'":                              {locks.NotVolatile, nil},
		"'it''s random()' || lower('X')":          {locks.NotVolatile, nil},
		`E'\' random()'`:                          {locks.NotVolatile, nil},
		"$q$ random() $q$":                        {locks.NotVolatile, nil},
		"1 /* random() */ -- random()":            {locks.NotVolatile, nil},
		"ARRAY[]::varchar(255)[]":                 {locks.NotVolatile, nil},
		"gen_random_uuid()":                       {locks.Volatile, []string{"gen_random_uuid"}},
		"public.uuid_generate_v4 ()":              {locks.Volatile, []string{"public.uuid_generate_v4"}},
		`"random"()`:                              {locks.Volatile, []string{"random"}},
		"md5(RANDOM()::text)":                     {locks.Volatile, []string{"random"}},
		"nextval('s') + app.f(clock_timestamp())": {locks.Volatile, []string{"nextval", "clock_timestamp"}},
		"app.token()":                             {locks.UnknownVolatility, []string{"app.token"}},
		"COALESCE(x, my_default(1))":              {locks.UnknownVolatility, []string{"my_default"}},
	} {
		v, names := locks.VolatilityOf(expression)
		if v != want.v || !slices.Equal(names, want.names) {
			t.Errorf("%s: got %v %q, want %v %q", expression, v, names, want.v, want.names)
		}
	}
}

func FuzzVolatilityOf(f *testing.F) {
	f.Add("md5(random()::text) || 'x' || $a$ y $a$ -- z\n /* */ E'\\''")
	f.Fuzz(func(t *testing.T, s string) {
		v, names := locks.VolatilityOf(s)
		if (v == locks.NotVolatile) != (len(names) == 0) {
			t.Errorf("%q: %v %q", s, v, names)
		}
	})
}

func TestChangeOfType(t *testing.T) {
	type pair [2]string
	for p, want := range map[pair]locks.TypeChange{
		{"varchar(255)", "character varying(255)"}:          locks.TypeSame,
		{"timestamp(0)", "timestamp (0) without time zone"}: locks.TypeSame,
		{"decimal(8)", "numeric(8,0)"}:                      locks.TypeSame,
		{"bigint[]", "int8[]"}:                              locks.TypeSame,
		{"varchar(255)", "text"}:                            locks.TypeRelabel,
		{"varchar(10)", "varchar(20)"}:                      locks.TypeRelabel,
		{"varchar(20)", "varchar(10)"}:                      locks.TypeRewrite,
		{"text", "varchar(255)"}:                            locks.TypeRewrite,
		{"citext", "text"}:                                  locks.TypeReindex,
		{"int", "bigint"}:                                   locks.TypeRewrite,
		{"numeric(8,2)", "numeric(10,2)"}:                   locks.TypeRelabel,
		{"numeric(8,2)", "numeric(10,4)"}:                   locks.TypeRewrite,
		{"timestamp(0)", "timestamp"}:                       locks.TypeRelabel,
		{"timestamp", "timestamp(0)"}:                       locks.TypeRewrite,
		{"timestamp(0)", "timestamptz(0)"}:                  locks.TypeRewrite,
		{"timestamp(0)", "timestamptz"}:                     locks.TypeReindex,
		{"varchar(255)[]", "text[]"}:                        locks.TypeRewrite,
		{"json", "jsonb"}:                                   locks.TypeRewrite,
		{"text", "integer"}:                                 locks.TypeRefused,
		{"varchar", "uuid"}:                                 locks.TypeRefused,
		{"uuid", "text"}:                                    locks.TypeRewrite,
		{"app.status", "text"}:                              locks.TypeUnknown,
		{"", "text"}:                                        locks.TypeUnknown,
	} {
		if got := locks.Change(p[0], p[1], false, true); got != want {
			t.Errorf("%s to %s: got %v, want %v", p[0], p[1], got, want)
		}
	}
	if got := locks.Change("timestamp", "timestamptz", false, false); got != locks.TypeRewrite {
		t.Errorf("timestamp to timestamptz in another time zone: got %v", got)
	}
}

// TestModifyIsMoreThanWhatItSays holds what sets the DSL's modify apart from SQL: it always says the type again.
func TestModifyIsMoreThanWhatItSays(t *testing.T) {
	s := state(t, `create table people (id bigint primary key);
		create table posts (id bigint primary key, title varchar(255), body text, check (title <> ''), author bigint references people(id));
		create index lower_title on posts (lower(title)); create index titled on posts (id) where title is not null;
		alter table posts add constraint body_there check (body is not null)`)
	no := false
	modify := func(name, typ string) ecto.Operation {
		return ecto.Operation{Kind: ecto.ModifyColumn, Table: ecto.Name{Name: "posts"}, Column: ecto.Column{Name: name, Type: typ}}
	}
	first := func(o ecto.Operation) locks.Effect { return locks.Predict(o, s, "m", locks.Target{})[0] }

	title := first(modify("title", "varchar(255)"))
	if diff := cmp.Diff([]string{"lower_title", "titled"}, title.Build); diff != "" || !title.Scan || title.Rewrite {
		t.Errorf("the same type again: %+v", title)
	}
	body := modify("body", "text")
	body.Column.Null = &no
	if e := first(body); !e.Scan {
		t.Errorf("null: false beside a check that proves it: %+v, but the change of type has the check proven again", e)
	}
	raw := ecto.Operation{Kind: ecto.SetNotNull, Table: ecto.Name{Name: "posts"}, Column: ecto.Column{Name: "body"}}
	if e := first(raw); e.Scan {
		t.Errorf("SET NOT NULL beside a check that proves it: %+v", e)
	}
	if got := len(locks.Predict(modify("author", "bigint"), s, "m", locks.Target{})); got != 2 {
		t.Errorf("modify of a referencing column: %d effects, want the referenced table locked too", got)
	}
	if e := first(modify("unheard_of", "text")); e.Maybe == "" || e.Mode != locks.AccessExclusive {
		t.Errorf("a column of unknown type: %+v", e)
	}
}

func TestBlocks(t *testing.T) {
	for m, want := range map[locks.Mode]string{
		locks.AccessShare: "", locks.RowExclusive: "", locks.ShareUpdateExclusive: "", locks.Share: "writes", locks.ShareRowExclusive: "writes",
		locks.Exclusive: "writes", locks.AccessExclusive: "reads and writes",
	} {
		if got := m.Blocks(); got != want {
			t.Errorf("%s blocks %q, want %q", m, got, want)
		}
		if locks.ParseMode(m.String()) != m {
			t.Errorf("%s does not come back", m)
		}
		for o := range locks.AccessExclusive + 1 {
			if m.Conflicts(o) != o.Conflicts(m) {
				t.Errorf("%s and %s conflict one way only", m, o)
			}
		}
	}
}
