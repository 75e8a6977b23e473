package wsbind_test

import (
	"crypto/tls"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// raw is a websocket of another library: text messages, one for each write, no fragments.
type raw struct{ c *websocket.Conn }

func rawWebsocket(t *testing.T, s *httptest.Server) raw {
	t.Helper()
	at := "ws" + strings.TrimPrefix(s.URL, "http")
	config, err := websocket.NewConfig(at, at)
	if err != nil {
		t.Fatal(err)
	}
	config.TlsConfig = &tls.Config{InsecureSkipVerify: true}
	c, err := websocket.DialConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return raw{c}
}

func (r raw) write(b []byte) error {
	_, err := r.c.Write(b)
	return err
}

func (r raw) read(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(r.c, b)
	return b, err
}
