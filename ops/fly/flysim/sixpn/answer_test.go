package sixpn

import (
	"context"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"ops-console/ops/fly/flysim/platform"
)

func TestAnInstanceWithErrorsAnswersWellOnItsHealthPathOnly(t *testing.T) {
	hosts, client := network(t)
	i := platform.Instance{
		ID: "a1", App: "changelog", Addr: netip.MustParseAddr("fdaa:0:2f::a1"), Port: 4000, Started: true,
		Behaviour: platform.Behaviour{Errors: 100, Slow: 100, Late: 50 * time.Millisecond},
	}
	if err := hosts.Set([]platform.Instance{i}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/": 500, HealthPath: 200, HealthPath + "/db": 200} {
		began := time.Now()
		res, err := client.Get("http://[fdaa:0:2f::a1]:4000" + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
		if took := time.Since(began); want == 500 && took < i.Behaviour.Late {
			t.Errorf("%s: after %s", path, took)
		}
		// A visitor gets the same.
		if status, _, ok := hosts.Visit(t.Context(), i, path); !ok || status != want {
			t.Errorf("%s: a visitor gets %d, %v", path, status, ok)
		}
	}
}

func TestAVisitorGivesUpOnWhatHangs(t *testing.T) {
	hosts, _ := network(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if status, _, ok := hosts.Visit(ctx, platform.Instance{App: "x", Behaviour: platform.Behaviour{Hang: true}}, "/"); ok {
		t.Errorf("got %d", status)
	}
	if status, took, ok := hosts.Visit(t.Context(), platform.Instance{App: "x"}, "/nothing"); !ok || status != http.StatusNotFound || took <= 0 {
		t.Errorf("got %d, %s, %v", status, took, ok)
	}
}
