package phoenix

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Version is a semantic version, as Elixir's Version has them. The zero value is none.
type Version struct {
	Major, Minor, Patch int
	Pre                 string // rc.0; empty: a release
}

var versionForm = regexp.MustCompile(`^v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6})(?:-([0-9A-Za-z.-]{1,64}))?)?$`)

// ParseVersion reads 1.7.14, v1.8.0-rc.0 or, as an abbreviation, 1.7, which is 1.7.0.
func ParseVersion(s string) (Version, error) {
	m := versionForm.FindStringSubmatch(s)
	if m == nil {
		return Version{}, fmt.Errorf("%.40q is not a version such as 1.7.14 or 1.8.0-rc.0", s)
	}
	n := func(s string) int {
		i, _ := strconv.Atoi(s) // at most six digits; empty is 0
		return i
	}
	return Version{Major: n(m[1]), Minor: n(m[2]), Patch: n(m[3]), Pre: m[4]}, nil
}

// MustVersion is ParseVersion for versions in the source; it panics.
func MustVersion(s string) Version {
	v, err := ParseVersion(s)
	if err != nil {
		panic(err)
	}
	return v
}

func (v Version) String() string {
	s := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		s += "-" + v.Pre
	}
	return s
}

// Line is the minor version it belongs to: 1.7.
func (v Version) Line() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Compare orders versions by https://semver.org/#spec-item-11: -1, 0 or 1.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch),
		comparePre(v.Pre, w.Pre))
}

// Before says whether v is older than w.
func (v Version) Before(w Version) bool { return v.Compare(w) < 0 }

// MarshalText is String.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is ParseVersion.
func (v *Version) UnmarshalText(b []byte) (err error) {
	*v, err = ParseVersion(string(b))
	return err
}

func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	aa, bb := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(aa), len(bb)) {
		if c := compareIdentifier(aa[i], bb[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(aa), len(bb))
}

// compareIdentifier puts numbers before words.
func compareIdentifier(a, b string) int {
	na, ea := strconv.ParseUint(a, 10, 64)
	nb, eb := strconv.ParseUint(b, 10, 64)
	switch {
	case ea == nil && eb == nil:
		return cmp.Compare(na, nb)
	case ea == nil:
		return -1
	case eb == nil:
		return 1
	}
	return cmp.Compare(a, b)
}
