package platform

import (
	"fmt"
	"slices"
	"strings"
)

// Tags are those of an app's repository in the registry: of its releases, of one that is newer, and of one for each trait that
// an image in the registry can have, which sort behind those. There is nothing behind others either until they are asked for; nil:
// there is no such app.
func (w *World) Tags(app string) []string {
	w.lock()
	defer w.unlock()
	a := w.apps[app]
	if a == nil {
		return nil
	}
	var tags []string
	next := 1
	for _, r := range a.releases {
		next = max(next, r.version+1)
		if _, tag, ok := strings.Cut(r.image, "/"+app+":"); ok && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	tags = append(tags, fmt.Sprintf("deployment-v%d", next))
	for word, t := range traits {
		if !t.gone {
			tags = append(tags, "deployment-trial-"+word)
		}
	}
	slices.Sort(tags)
	return tags
}
