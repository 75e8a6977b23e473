package demo

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // what git names things by
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// When the project's only commit was made, and by whom, with which message.
const (
	Author  = "Simulation"
	Email   = "simulation@example.com"
	Message = "The application"
)

// When is the date of that commit.
func When() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// Executable says whether a file of the tree is to be run. What is embedded has no mode.
func Executable(name string) bool { return strings.Contains(name, "rel/overlays/bin/") }

// Commit is the name of the commit that has the tree and no parent, as git computes it: images of the simulated world are
// built from it, whether or not git is there to ask.
func Commit() string { return commit() }

var commit = sync.OnceValue(func() string {
	who := fmt.Sprintf("%s <%s> %d +0000", Author, Email, When().Unix())
	sum := object("commit", fmt.Appendf(nil, "tree %x\nauthor %s\ncommitter %s\n\n%s\n", treeOf(Changelog(), "."), who, who, Message))
	return hex.EncodeToString(sum)
})

// object is the name of an object (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
func object(kind string, data []byte) []byte {
	h := sha1.New() //nolint:gosec // as above
	fmt.Fprintf(h, "%s %d\x00", kind, len(data))
	h.Write(data)
	return h.Sum(nil)
}

// treeOf is the name of a directory's tree.
func treeOf(fsys fs.FS, dir string) []byte {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		panic(err) // it is embedded
	}
	type entry struct {
		key  string // directories sort as if they ended in a slash
		data []byte
	}
	var all []entry
	for _, e := range entries {
		name, mode := path.Join(dir, e.Name()), "100644"
		var sum []byte
		key := e.Name()
		if e.IsDir() {
			mode, key, sum = "40000", key+"/", treeOf(fsys, name)
		} else {
			data, err := fs.ReadFile(fsys, name)
			if err != nil {
				panic(err) // it is embedded
			}
			if Executable(name) {
				mode = "100755"
			}
			sum = object("blob", data)
		}
		all = append(all, entry{key, append([]byte(mode+" "+e.Name()+"\x00"), sum...)})
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	var b bytes.Buffer
	for _, e := range all {
		b.Write(e.data)
	}
	return object("tree", b.Bytes())
}
