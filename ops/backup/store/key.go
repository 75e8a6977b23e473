package store

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxKey is how long a key may be, in bytes: S3 takes 1024 with the prefix of the bucket.
const maxKey = 768

// CheckKey refuses keys that not every store could keep as they are: a key is names separated by one slash each; a name
// begins with no dot, has no control character and no backslash, and has at most 200 bytes.
func CheckKey(key string) error {
	why := ""
	switch {
	case key == "":
		why = "a key is missing"
	case len(key) > maxKey:
		why = "the key is too long"
	case !utf8.ValidString(key):
		why = "the key is not UTF-8"
	case strings.ContainsFunc(key, func(r rune) bool { return unicode.IsControl(r) || r == '\\' || r == unicode.ReplacementChar }):
		why = "the key has a character that not every store keeps"
	default:
		for name := range strings.SplitSeq(key, "/") {
			switch {
			case name == "":
				why = "the key has an empty name between slashes"
			case name[0] == '.':
				why = "a name in the key begins with a dot"
			case len(name) > 200:
				why = "a name in the key is too long"
			}
		}
	}
	if why == "" {
		return nil
	}
	return &Error{Op: "use key", Key: key, Kind: ErrConfig, Text: why}
}
