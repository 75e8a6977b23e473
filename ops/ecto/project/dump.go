package project

import (
	"bufio"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxDump     = 256 << 20 // bytes of a structure dump that are read
	maxDumpLine = 16 << 20
	maxVersions = 1_000_000
)

// dump reads the versions that a structure dump of the repo contains: mix ecto.dump writes it to structure.sql beside
// the migrations, with an INSERT of each version at its end.
func (o *opening) dump(r *Repo, priv string) {
	p := path.Join(priv, "structure.sql")
	f, err := os.Open(o.abs(p))
	if err != nil {
		if !os.IsNotExist(err) {
			o.unreadable(p, err)
		}
		return
	}
	defer f.Close()
	r.Dump = p
	r.Dumped, err = dumped(io.LimitReader(f, maxDump), r.Settings.Source)
	if err != nil {
		o.unreadable(p, err)
	}
}

var dumpedInto = regexp.MustCompile(`(?i)^\s*(insert\s+into|copy)\s+(?:(?:"[^"]+"|[^\s".(]+)\.)?(?:"([^"]+)"|([^\s".(]+))\s*\(`)

var dumpedNumber = regexp.MustCompile(`\(\s*'?([0-9]{1,18})'?\s*[,)]`)

// dumped are the versions that a dump puts into a table: INSERT INTO public."schema_migrations" (version) VALUES (1);
// or COPY public.schema_migrations (version, inserted_at) FROM stdin.
func dumped(r io.Reader, table string) ([]int64, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxDumpLine)
	var out []int64
	add := func(digits string) {
		if v, err := strconv.ParseInt(digits, 10, 64); err == nil && len(out) < maxVersions {
			out = append(out, v)
		}
	}
	inserting, copying := false, false
	for lines.Scan() {
		line := lines.Text()
		if copying {
			if copying = !strings.HasPrefix(line, `\.`); copying {
				digits, _, _ := strings.Cut(line, "\t")
				add(digits)
			}
			continue
		}
		if m := dumpedInto.FindStringSubmatch(line); m != nil && (m[2] == table || m[3] == table) {
			copying = strings.EqualFold(m[1], "copy")
			inserting = !copying
		}
		if !inserting {
			continue
		}
		for _, m := range dumpedNumber.FindAllStringSubmatch(line, -1) {
			add(m[1])
		}
		inserting = !strings.Contains(line, ";")
	}
	slices.Sort(out)
	return slices.Compact(out), lines.Err()
}
