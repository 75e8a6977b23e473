package flyplan

import (
	"fmt"
	"strings"

	"ops-console/ops/deploy"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// left says what other deployments that have not ended have left on the machines: who has their journals, and, as an error,
// machines that they made beside those that there were. A plan for all of these together would make the fleet larger.
func left(mm []fly.Machine) (notes []string, err error) {
	there := map[string]bool{}
	heads := map[string]deploy.Head{}
	for i := range mm {
		m := &mm[i]
		if m.Config == nil || m.State == fly.StateDestroying || m.State == fly.StateDestroyed {
			continue
		}
		there[m.ID] = true
		if h, ok := deploy.ParseHead(m.Config.Metadata[deploy.TagHead]); ok {
			heads[h.Deploy] = h
			notes = append(notes, fmt.Sprintf("%s has not ended: it was %s when it was heard of last, bringing out %s; `ops-console resume` goes on with it, here too once nobody holds its machines",
				h.Whose(), plaintext.Line(string(h.Phase), 30), plaintext.Line(h.Image, 200)))
		}
	}
	var id string
	var made, before, without []string
	traffic := false
	for i := range mm {
		m := &mm[i]
		if !there[m.ID] {
			continue
		}
		// "<deployment>:canary:<group>", "<deployment>:green:<machine that it is to follow>"
		key := strings.SplitN(m.Config.Metadata[deploy.TagKey], ":", 3)
		if len(key) != 3 || key[1] == "green" && !there[key[2]] {
			continue
		}
		id = key[0]
		made = append(made, m.ID)
		if key[1] == "green" {
			before = append(before, key[2])
			traffic = traffic || !m.Cordoned
			if m.Cordoned {
				without = append(without, m.ID)
			}
		}
	}
	if len(made) == 0 {
		return notes, nil
	}
	h, ok := heads[id]
	if !ok {
		h = deploy.Head{Deploy: id}
	}
	which, gone := "the new ones have had no traffic", made
	if traffic {
		which, gone = "traffic goes to the new ones", before
		if len(without) > 0 {
			which += " but for " + strings.Join(without, " ") + " (`fly machine uncordon`)"
		}
	}
	return notes, fmt.Errorf("%s has not ended, and machines that it made stand beside the old ones: go on with it (`ops-console resume`, here too once nobody holds its machines); where that cannot be, %s: destroy %s with `fly machine destroy --force`, then plan again",
		h.Whose(), which, strings.Join(gone, " "))
}
