package merge

import (
	"os"
	"path/filepath"
	"testing"

	"ops-console/ops/phoenix"
)

func TestTheBaseOfAnUpgradeIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "phx")
	v := phoenix.MustVersion
	if base, ok, err := KeptBase(dir, "/src/till", v("1.7.14")); ok || err != nil {
		t.Errorf("nothing has begun: %s, %v, %v", base, ok, err)
	}
	if err := KeepBase(dir, "/src/till", v("1.6.16"), v("1.7.14")); err != nil {
		t.Fatal(err)
	}
	if base, ok, err := KeptBase(dir, "/src/till", v("1.7.14")); !ok || err != nil || base != v("1.6.16") {
		t.Errorf("got %s, %v, %v", base, ok, err)
	}
	for _, other := range []struct{ project, to string }{{"/src/till", "1.8.8"}, {"/src/shop", "1.7.14"}} {
		if _, ok, err := KeptBase(dir, other.project, v(other.to)); ok || err != nil {
			t.Errorf("%v has not begun: %v, %v", other, ok, err)
		}
	}
	if err := os.WriteFile(baseFile(dir, "/src/till", v("1.7.14")), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := KeptBase(dir, "/src/till", v("1.7.14")); ok || err == nil {
		t.Errorf("a broken file: %v, %v", ok, err)
	}
}
