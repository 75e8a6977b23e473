package catalog

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLiteralsOfStatementsAreNotShown(t *testing.T) {
	for in, want := range map[string]string{
		`select * from "users" where id = 17 and name = 'o''neil' or x1 = $1`: `select * from "users" where id = … and name = '…' or x1 = $1`,
		`select E'a\'b', 1.5e3, t2.c3`:                                        `select E'…', …, t2.c3`,
		`select $x$ secret $x$, $$more`:                                       `select '…', '…'`,
		`update t set a = 'cut off her`:                                       `update t set a = '…'`,
		"select 1 -- mail='a@example.com'\n+ 2 /* b */":                       `select …  + …  `,
		`select "quoted ' name" from "cut`:                                    `select "quoted ' name" from "cut`,
		``:                                                                    ``,
		"select /* a /* b */ secret */ 1":                                     "select   …",
	} {
		if got := masked(in); strings.ReplaceAll(got, "\n", " ") != want {
			t.Errorf("%s\n got %q\nwant %q", in, got, want)
		}
	}
}

func FuzzMasked(f *testing.F) {
	for _, s := range []string{"select 'x'", "$a$ b", "E'\\", "--", "/*", `"`, "1e", "é$é$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := masked(s)
		if strings.Count(s, "secret77") > 0 && strings.Contains(masked("select '"+strings.ReplaceAll(s, "'", "''")+"'"), "secret77") {
			t.Errorf("a literal shows through in %q", got)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q became %q", s, got)
		}
		if len(got) > 3*len(s)+8 {
			t.Errorf("%q grew to %q", s, got)
		}
	})
}

func TestWhatIsALiteral(t *testing.T) {
	for sql, want := range map[string]bool{
		"0": true, "-1": true, "'-1.5'::numeric": true, "1.5": true, "true": true, "NULL::text": true, "'it''s'::text": true,
		"'{}'::jsonb": true, "'a::b'::text": true, "'now'::text::date": false, "now()": false, "nextval('s'::regclass)": false,
		"('a'::text || 'b'::text)": false, "'a'::text || 'b'": false, "CURRENT_TIMESTAMP": false, "ARRAY[]::text[]": false, "(1 + 2)": false, "'": false, "": false,
		"'00000000-0000-0000-0000-000000000000'::uuid": true, "'public.x'::mood": true, "('-1'::integer)": false, "(-1)": true,
	} {
		if got := constant(sql); got != want {
			t.Errorf("%s: literal is %v", sql, got)
		}
	}
}
