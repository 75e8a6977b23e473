package locks

import (
	"strconv"
	"strings"
)

// TypeChange is what ALTER COLUMN TYPE has to do.
type TypeChange int

// What it may have to do, from least to most.
const (
	TypeSame    TypeChange = iota // nothing: the same type
	TypeRelabel                   // the catalog alone
	TypeReindex                   // and build the column's indexes again
	TypeRewrite                   // and write the table again, with every index
	TypeRefused                   // it fails: there is no cast that assignment may use
	TypeUnknown                   // one of the types is not known, or none that PostgreSQL has itself
)

// Type is a type as PostgreSQL knows it: its own name for it, what stands in brackets, and how many dimensions.
type Type struct {
	Base string
	Mods []int
	Dims int
}

// aliases are the other names of types, in the spelling of pg_type.
var aliases = map[string]string{
	"int": "int4", "integer": "int4", "bigint": "int8", "smallint": "int2", "boolean": "bool", "decimal": "numeric", "real": "float4",
	"double precision": "float8", "float": "float8", "character varying": "varchar", "character": "bpchar", "char": "bpchar",
	"timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz", "time without time zone": "time",
	"time with time zone": "timetz", "bit varying": "varbit", "serial": "int4", "bigserial": "int8", "smallserial": "int2",
	"serial4": "int4", "serial8": "int8", "serial2": "int2", "dec": "numeric", "nchar": "bpchar", "national character varying": "varchar",
}

// ParseType reads a type as SQL writes it: varchar(255), timestamp(0) with time zone, bigint[].
func ParseType(s string) Type {
	s = strings.ToLower(strings.Join(strings.Fields(s), " "))
	s = strings.TrimPrefix(strings.ReplaceAll(s, `"`, ""), "pg_catalog.")
	var t Type
	for strings.HasSuffix(s, "]") {
		i := strings.LastIndexByte(s, '[')
		if i < 0 {
			break
		}
		s, t.Dims = strings.TrimSpace(s[:i]), t.Dims+1
	}
	if before, rest, ok := strings.Cut(s, "("); ok {
		mods, after, _ := strings.Cut(rest, ")")
		for m := range strings.SplitSeq(mods, ",") {
			if n, err := strconv.Atoi(strings.TrimSpace(m)); err == nil {
				t.Mods = append(t.Mods, n)
			}
		}
		s = strings.Join(strings.Fields(before+" "+after), " ")
	}
	if a, ok := aliases[s]; ok {
		s = a
	}
	// char without a length is char(1), numeric(8) is numeric(8,0).
	switch {
	case s == "bpchar" && len(t.Mods) == 0:
		t.Mods = []int{1}
	case s == "numeric" && len(t.Mods) == 1:
		t.Mods = append(t.Mods, 0)
	}
	t.Base = s
	return t
}

// Serial says whether a type name is one of those that make a sequence.
func Serial(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "serial", "bigserial", "smallserial", "serial2", "serial4", "serial8":
		return true
	}
	return false
}

func (t Type) same(o Type) bool {
	if t.Base != o.Base || t.Dims != o.Dims || len(t.Mods) != len(o.Mods) {
		return false
	}
	for i := range t.Mods {
		if t.Mods[i] != o.Mods[i] {
			return false
		}
	}
	return true
}

// text says whether it is one of the types that hold text.
func (t Type) text() bool { return families[t.Base] == "text" && t.Dims == 0 }

// families group types by what casts among them assignment may use.
var families = map[string]string{
	"int2": "number", "int4": "number", "int8": "number", "numeric": "number", "float4": "number", "float8": "number", "money": "money", "oid": "oid",
	"text": "text", "varchar": "text", "bpchar": "text", "name": "text", "citext": "text",
	"timestamp": "moment", "timestamptz": "moment", "date": "moment", "time": "clock", "timetz": "clock", "interval": "interval",
	"json": "json", "jsonb": "json", "bool": "bool", "uuid": "uuid", "bytea": "bytea", "inet": "inet", "cidr": "inet",
	"varbit": "bits", "bit": "bits", "xml": "xml", "tsvector": "tsvector", "hstore": "hstore", "point": "point", "macaddr": "macaddr",
}

// Change is what a change of a column's type has to do, where the session's time zone is UTC or not. using is set where
// the statement says how to make the new values.
func Change(from, to string, using, utc bool) TypeChange {
	if strings.TrimSpace(from) == "" || strings.TrimSpace(to) == "" {
		return TypeUnknown
	}
	a, b := ParseType(from), ParseType(to)
	fa, fb := families[a.Base], families[b.Base]
	switch {
	case using:
		// Whatever the expression is: the planner sees through a plain cast only, and that needs no USING.
		if fa == "" || fb == "" {
			return TypeUnknown
		}
		return TypeRewrite
	case a.same(b):
		return TypeSame
	case fa == "" || fb == "":
		return TypeUnknown
	case a.Dims != b.Dims:
		if b.Dims == 0 && fb == "text" {
			return TypeRewrite
		}
		return TypeRefused
	case a.Dims > 0:
		// The cast goes element by element, and is no relabelling even where that of the elements is.
		if fa != fb {
			return TypeRefused
		}
		return TypeRewrite
	case fa != fb && fb == "text":
		return TypeRewrite
	case fa != fb:
		return crossFamily(fa, fb)
	}
	return within(a, b, utc)
}

// crossFamily is a change between families, without USING.
func crossFamily(from, to string) TypeChange {
	assignable := map[[2]string]bool{
		{"moment", "clock"}: true, {"clock", "interval"}: true, {"interval", "clock"}: true, {"number", "money"}: true, {"money", "number"}: true,
		{"number", "oid"}: true, {"oid", "number"}: true,
	}
	if assignable[[2]string{from, to}] {
		return TypeRewrite
	}
	return TypeRefused
}

// within is a change between two types of a family (ATColumnChangeRequiresRewrite in src/backend/commands/tablecmds.c, and
// the support functions of the types' length casts).
func within(a, b Type, utc bool) TypeChange {
	switch a.Base + " " + b.Base {
	case "varchar varchar", "varbit varbit":
		return grows(a.Mods, b.Mods)
	case "text varchar", "varchar text":
		// Without a length text and varchar are the same bytes with another label.
		if b.Base == "varchar" && len(b.Mods) > 0 {
			return TypeRewrite
		}
		return TypeRelabel
	case "citext text", "text citext", "citext varchar", "varchar citext":
		if len(b.Mods) > 0 {
			return TypeRewrite
		}
		return TypeReindex
	case "numeric numeric":
		switch {
		case len(b.Mods) == 0:
			return TypeRelabel
		case len(a.Mods) == 2 && len(b.Mods) == 2 && a.Mods[1] == b.Mods[1] && b.Mods[0] >= a.Mods[0]:
			return TypeRelabel
		}
		return TypeRewrite
	case "timestamp timestamp", "timestamptz timestamptz", "time time", "timetz timetz", "interval interval":
		return grows(a.Mods, b.Mods)
	case "timestamp timestamptz", "timestamptz timestamp":
		// Precision given anew is a second cast, which is not seen through, even where it takes nothing away.
		if !utc || len(b.Mods) > 0 && b.Mods[0] < 6 {
			return TypeRewrite
		}
		return TypeReindex // the bytes are the same, the operators of an index are not
	case "cidr inet":
		return TypeReindex
	case "int4 oid", "oid int4":
		return TypeReindex
	}
	return TypeRewrite
}

// grows says whether a length or precision only grows: none at all is the greatest.
func grows(a, b []int) TypeChange {
	switch {
	case len(b) == 0, len(a) > 0 && b[0] >= a[0]:
		return TypeRelabel
	// Six digits are all there are.
	case len(a) == 0 && b[0] == 6:
		return TypeRelabel
	}
	return TypeRewrite
}
