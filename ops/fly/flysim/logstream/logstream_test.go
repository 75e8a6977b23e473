package logstream_test

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"ops-console/ops/fly/flysim/logstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "fo1_secret"

// start is a stream on a port of this machine.
func start(t *testing.T) (s *logstream.Stream, url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = logstream.New(func(user, password string) bool { return user == "org" && password == secret })
	go s.Serve(ln)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s, "nats://" + ln.Addr().String()
}

func connect(t *testing.T, url, user, password string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.UserInfo(user, password), nats.NoReconnect())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestMessagesReachWhoSubscribed(t *testing.T) {
	s, url := start(t)
	if s.Active() {
		t.Error("there is a server before anybody connected")
	}
	nc := connect(t, url, "org", secret)
	all, err := nc.SubscribeSync("logs.changelog.*.*")
	if err != nil {
		t.Fatal(err)
	}
	one, err := nc.SubscribeSync("logs.changelog.*." + "d8e1")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	s.Publish(logstream.Message{Subject: logstream.Subject("changelog", "ord", "148e"), Data: []byte("a")})
	s.Publish(logstream.Message{Subject: logstream.Subject("other", "ord", "148e"), Data: []byte("b")})
	s.Publish(logstream.Message{Subject: logstream.Subject("changelog", "", "d8e1"), Data: []byte("c")})
	for i, want := range []string{"logs.changelog.ord.148e a", "logs.changelog._.d8e1 c"} {
		m, err := all.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Subject + " " + string(m.Data); got != want {
			t.Errorf("message %d is %q, want %q", i, got, want)
		}
	}
	if m, err := one.NextMsg(5 * time.Second); err != nil || string(m.Data) != "c" {
		t.Errorf("got %v, %v, want the one of d8e1", m, err)
	}
}

func TestOnlyTheOrganizationIsLetIn(t *testing.T) {
	_, url := start(t)
	for _, who := range [][2]string{{"org", "fo1_other"}, {"other", secret}, {"platform ", ""}, {"platform ", secret}, {"", ""}} {
		nc, err := nats.Connect(url, nats.UserInfo(who[0], who[1]), nats.NoReconnect())
		if err == nil {
			nc.Close()
		}
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("user %q: got %v, want %v", who[0], err, nats.ErrAuthorization)
		}
	}
}

func TestClientsCannotPublish(t *testing.T) {
	s, url := start(t)
	nc := connect(t, url, "org", secret)
	sub, err := nc.SubscribeSync("logs.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish("logs.changelog.ord.148e", []byte("forged")); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	s.Publish(logstream.Message{Subject: "logs.changelog.ord.148e", Data: []byte("true")})
	m, err := sub.NextMsg(5 * time.Second)
	if errors.Is(err, nats.ErrPermissionViolation) {
		m, err = sub.NextMsg(5 * time.Second)
	}
	if err != nil || string(m.Data) != "true" {
		t.Errorf("got %v, %v, want the platform's own message", m, err)
	}
}

func TestTroubles(t *testing.T) {
	s, url := start(t)
	nc := connect(t, url, "org", secret)
	s.Break(logstream.Refuses)
	until(t, "the connection ends", nc.IsClosed)
	for _, how := range []logstream.Trouble{logstream.Refuses, logstream.Hangs} {
		s.Break(how)
		if nc, err := nats.Connect(url, nats.UserInfo("org", secret), nats.NoReconnect(), nats.Timeout(200*time.Millisecond)); err == nil {
			nc.Close()
			t.Errorf("%s: it connects", how)
		}
	}
	s.Break(logstream.NoTrouble)
	connect(t, url, "org", secret)
}

func TestAShareIsDropped(t *testing.T) {
	s, url := start(t)
	nc := connect(t, url, "org", secret)
	sub, err := nc.SubscribeSync("logs.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	s.Drop(25)
	for i := range 100 {
		s.Publish(logstream.Message{Subject: "logs.changelog.ord.148e", Data: fmt.Append(nil, i)})
	}
	got := 0
	for ; got < 75; got++ {
		if _, err := sub.NextMsg(5 * time.Second); err != nil {
			t.Fatalf("after %d: %v", got, err)
		}
	}
	if m, err := sub.NextMsg(100 * time.Millisecond); err == nil {
		t.Errorf("%s came too: more than 75 of 100", m.Data)
	}
}

func TestCloseEndsConnections(t *testing.T) {
	s, url := start(t)
	nc := connect(t, url, "org", secret)
	if n := s.Clients(); n != 1 {
		t.Errorf("%d clients, want 1", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the connection ends", nc.IsClosed)
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
