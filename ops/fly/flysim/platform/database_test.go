package platform

import (
	"testing"

	"ops-console/ops/fly"
)

func TestFaultsOfARegionLeaveDatabasesAlone(t *testing.T) {
	w := NewWorld(Options{})
	defer w.Close()
	w.AddPostgresApp("changelog-db")
	app, err := w.AddMachine(MachineSpec{Region: "fra"})
	if err != nil {
		t.Fatal(err)
	}
	db, err := w.AddMachine(MachineSpec{App: "changelog-db", Region: "fra", State: fly.StateStarting})
	if err != nil {
		t.Fatal(err)
	}
	hit := func(id string) Behaviour { i, _ := w.Instance(id); return i.Behaviour }
	for _, target := range []string{"region:fra", "all"} {
		if err := w.SetFault(Fault{Name: "hang", Target: target}); err != nil {
			t.Fatal(err)
		}
		if !hit(app).Hang || hit(db).Hang {
			t.Errorf("hang %s: app %v, database %v, want the app only", target, hit(app).Hang, hit(db).Hang)
		}
		if err := w.ClearFault("all"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetFault(Fault{Name: "hang", Target: db}); err != nil || !hit(db).Hang {
		t.Errorf("hang by id: %v %v", hit(db).Hang, err)
	}
	if err := w.SetFault(Fault{Name: "host-unreachable", Target: "region:fra"}); err != nil || !hit(app).Silent || !hit(db).Silent {
		t.Errorf("hosts of a region: app %v, database %v, %v; want both silent", hit(app).Silent, hit(db).Silent, err)
	}
}

func TestAMachineThatWaitsForWhatItStandsFor(t *testing.T) {
	w := NewWorld(Options{})
	defer w.Close()
	w.AddPostgresApp("changelog-db")
	config := []byte(`{"image":"flyio/postgres-flex:15","checks":{"role":{"type":"http","port":5500,"path":"/flycheck/role"}}}`)
	id, err := w.AddMachine(MachineSpec{App: "changelog-db", State: fly.StateStarting, Config: config, Volume: true, VolName: "pg_data"})
	if err != nil {
		t.Fatal(err)
	}
	look := func() (state string, c fly.CheckStatus) {
		w.lock()
		defer w.unlock()
		v := w.machines[id].view()
		if v.ImageRef.Labels["fly.pg-manager"] != "repmgr" {
			t.Errorf("labels of the image: %v", v.ImageRef.Labels)
		}
		return v.State, v.Checks[0]
	}
	if state, c := look(); state != fly.StateStarting || c.Status != fly.CheckWarning {
		t.Errorf("before: %s, check %s", state, c.Status)
	}
	if err := w.Report(id, "role", fly.CheckPassing, "primary"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Up(id); err != nil {
			t.Fatal(err)
		}
		if state, c := look(); state != fly.StateStarted || c.Status != fly.CheckPassing || c.Output != "primary" {
			t.Errorf("after: %s, check %+v", state, c)
		}
	}
	if err := w.Report("nobody", "role", "", ""); err == nil {
		t.Error("a report of a machine that is not there is taken")
	}
	if err := w.Up("nobody"); err == nil {
		t.Error("a machine that is not there comes up")
	}
}
