package replication

import "testing"

func TestSenderHostIsShownWhereItIsOne(t *testing.T) {
	for host, want := range map[string]string{
		"":                           "",
		"fdaa:0:2f:a7b:352b:0:14:2":  "fdaa:0:2f:a7b:352b:0:14:2",
		"db-1.example.com":           "db-1.example.com",
		"/var/run/postgresql":        "local socket",
		"/dev/shm/\x1b[31m/.s.PGSQL": "local socket",
		"@abstract":                  "local socket",
	} {
		if got := shownHost(host); got != want {
			t.Errorf("%q is shown as %q, want %q", host, got, want)
		}
	}
	c := newCluster(Settings{}, "r1")
	c.log = writes(-10, 10, 0.05, 100)
	c.edit = only("r1", func(r *Reading) { r.Receiver.Host = "/tmp/pg" })
	if n := find(c.run(0, 3, behind(0.04), nil), "r1"); n.Receiver == nil || n.Receiver.Host != "local socket" {
		t.Errorf("receiver %+v", n.Receiver)
	}
}

func TestSizesAreByThousands(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 785_000: "785 kB", 999_499: "999 kB", 999_500: "1.0 MB", 31_000_000: "31.0 MB", 1_200_000_000: "1.2 GB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
