package sixpn

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"ops-console/ops/fly/flysim/platform"
)

// within is longer than anything here takes.
const within = 5 * time.Second

func TestServicesOfAnApp(t *testing.T) {
	t.Parallel()
	h, client := network(t,
		Service{App: "db", Port: 5433, Stream: func(_ context.Context, c net.Conn, i platform.Instance) {
			fmt.Fprintln(c, i.Region)
			_, _ = io.Copy(c, c)
		}},
		Service{App: "db", Port: 5500, HTTP: func(w http.ResponseWriter, _ *http.Request, i platform.Instance) {
			fmt.Fprint(w, "role in "+i.Region)
		}})
	db := instance(1, func(i *platform.Instance) { i.App, i.Port = "db", 5432 })
	set := func(change func(*platform.Instance)) {
		t.Helper()
		i := db
		change(&i)
		if err := h.Set([]platform.Instance{i}); err != nil {
			t.Fatal(err)
		}
	}
	dial := func(port uint16) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		return client.Transport.(*http.Transport).DialContext(ctx, "tcp", netip.AddrPortFrom(db.Addr, port).String())
	}
	set(func(*platform.Instance) {})
	if c, err := dial(5432); err == nil {
		c.Close()
		t.Error("the port of the machine's own service answers, though the app offers others")
	}
	c, err := dial(5433)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "iad\n" {
		t.Fatalf("stream says %q %v", buf, err)
	}
	url := "http://" + netip.AddrPortFrom(db.Addr, 5500).String() + "/"
	if a, err := get(t, client, url, within); err != nil || a.body != "role in iad" {
		t.Errorf("%+v %v", a, err)
	}
	set(func(i *platform.Instance) { i.Behaviour.Silent = true })
	if _, err := fmt.Fprint(c, "abcd"); err != nil {
		t.Fatal(err)
	}
	set(func(*platform.Instance) {})
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "abcd" {
		t.Errorf("a connection to a host that was silent for a while: %q %v", buf, err)
	}
	set(func(i *platform.Instance) { i.Started = false })
	if _, err := c.Read(buf); err == nil {
		t.Error("a connection to a stopped machine stays")
	}
}
