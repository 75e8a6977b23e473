package overview

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"ops-console/ops"
	"ops-console/ops/feed"
	"ops-console/ops/replication"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

func shown(t *testing.T, p *Pane, w, h int) string {
	t.Helper()
	return ansi.Strip(strings.Join(p.View(env(t), w, h), "\n"))
}

func TestWithoutADatabaseNothingIsSaidOfOne(t *testing.T) {
	p := with(tuitest.Snapshot(24, tuitest.Options{}))
	before := shown(t, p, 120, 36)
	p.Update(pane.ReplicationMsg{})
	if d := cmp.Diff(before, shown(t, p, 120, 36)); d != "" {
		t.Error(d)
	}
	if strings.Contains(before, "LAG") || strings.Contains(before, "database") {
		t.Error(before)
	}
	p.Update(pane.ReplicationMsg{Known: true, Snapshot: tuitest.ReplicaFeed(1, tuitest.Replicas(4, tuitest.Database{}))})
	if out := shown(t, p, 120, 36); !strings.Contains(out, "LAG 15M") || !strings.Contains(out, "ok, 4 nodes") {
		t.Errorf("with one:\n%s", out)
	}
	p.Update(pane.ReplicationMsg{})
	if d := cmp.Diff(before, shown(t, p, 120, 36)); d != "" {
		t.Errorf("and again without: %s", d)
	}
}

func TestProblemsOfTheDatabaseLeadToItsPane(t *testing.T) {
	p := withDB(tuitest.Snapshot(24, tuitest.Options{Incident: true}), tuitest.Replicas(4, tuitest.Database{Incident: true}))
	got := map[string]string{}
	var sorted []ops.Severity
	for _, e := range p.problems {
		got[e.subject+" "+e.title] = e.address
		sorted = append(sorted, e.severity)
	}
	for what, want := range map[string]string{
		"lhr-1 is 41.2s behind":                  "replication?node=lhr-1",
		"iad-1 receives nothing":                 "replication?node=iad-1",
		"nrt 091857a0f restarts again and again": "instances?id=091857a0f6365c",
	} {
		if got[what] != want {
			t.Errorf("%q leads to %q, want %q", what, got[what], want)
		}
	}
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1] == ops.Warning && sorted[i] == ops.Critical {
			t.Errorf("a warning comes before something critical: %v", sorted)
		}
	}
}

func TestARegionIsAsBadAsTheWorseOfItsInstancesAndItsReplica(t *testing.T) {
	p := withDB(tuitest.Snapshot(8, tuitest.Options{}), tuitest.Replicas(10, tuitest.Database{Incident: true}))
	var order []string
	for _, r := range p.regions[:3] {
		order = append(order, r.Code+" "+string(r.Level))
	}
	if d := cmp.Diff([]string{"iad critical", "jnb critical", "ams warning"}, order); d != "" {
		t.Error(d)
	}
	for _, r := range withDB(tuitest.Snapshot(8, tuitest.Options{}), tuitest.Replicas(4, tuitest.Database{Headless: true})).regions {
		if r.db != nil && r.Level == "ok" {
			t.Errorf("%s is well, and nothing is known of its replica", r.Code)
		}
	}
}

func TestTheSourceOfTheDatabase(t *testing.T) {
	calm := tuitest.Replicas(4, tuitest.Database{})
	for name, c := range map[string]struct {
		msg  feed.Snapshot[*replication.Snapshot]
		want string
	}{
		"never read":  {feed.Snapshot[*replication.Snapshot]{}, "not asked yet"},
		"failed":      {feed.Snapshot[*replication.Snapshot]{Seq: 1, Err: errors.New("401 Unauthorized")}, "not answered"},
		"failing now": {feed.Snapshot[*replication.Snapshot]{Seq: 1, Err: errors.New("401 Unauthorized"), Value: calm}, "not answering"},
		"well":        {tuitest.ReplicaFeed(1, calm), "ok, 4 nodes"},
		"old":         {tuitest.ReplicaFeed(1, tuitest.Replicas(4, tuitest.Database{Now: tuitest.Now().Add(-time.Hour)})), "not read now"},
		"a node down": {tuitest.ReplicaFeed(1, tuitest.Replicas(4, tuitest.Database{Headless: true})), "3 of 4 nodes answer"},
	} {
		t.Run(name, func(t *testing.T) {
			p := with(tuitest.Snapshot(8, tuitest.Options{}))
			p.Update(pane.ReplicationMsg{Known: true, Snapshot: c.msg})
			if out := shown(t, p, 120, 36); !strings.Contains(out, "database  "+c.want) {
				t.Errorf("want %q:\n%s", c.want, out)
			}
			if c.want != "ok, 4 nodes" && strings.Contains(shown(t, p, 120, 36), "are well") {
				t.Error("all is well, and not all is known")
			}
		})
	}
}
