package backup

import (
	"strconv"
	"strings"
)

// ParseKey is the reverse of Dir: whose object a key names, and the object's name in the backup's directory. Whatever Dir
// would not have written is none of ours.
func ParseKey(key string) (s Source, id ID, name string, ok bool) {
	f := strings.Split(key, "/")
	if len(f) != 6 || f[5] == "" {
		return Source{}, "", "", false
	}
	app, ok1 := unsegment(f[0])
	db, ok2 := unsegment(f[1])
	id, err := ParseID(f[4])
	s = Source{App: app, Database: db}
	if !ok1 || !ok2 || err != nil || Dir(s, id)+"/"+f[5] != key {
		return Source{}, "", "", false
	}
	return s, id, f[5], true
}

// unsegment is the reverse of segment.
func unsegment(s string) (string, bool) {
	if s == "=" {
		return "", true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), true
}
