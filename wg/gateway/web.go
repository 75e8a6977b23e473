package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"ops-console/wg/wsbind"
)

// maxConnections at once, websockets and those that never become one; more wait until one ends.
const maxConnections = 1024

// webServer takes websockets and plugs each into the mux.
type webServer struct {
	addr   string
	mux    *mux
	log    *slog.Logger
	server *http.Server
	wg     sync.WaitGroup // of Serve and of the links

	mu     sync.Mutex
	closed bool                             // guarded by mu
	links  map[*context.CancelFunc]struct{} // of the running links, guarded by mu
}

func serveWeb(ctx context.Context, addr string, m *mux, l *slog.Logger) (*webServer, error) {
	cert, err := selfSigned(addr)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for websockets: %w", err)
	}
	listener = netutil.LimitListener(listener, maxConnections)
	w := &webServer{addr: listener.Addr().String(), mux: m, log: l, links: map[*context.CancelFunc]struct{}{}}
	w.server = &http.Server{
		Handler:           w,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(l.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		},
	}
	w.wg.Go(func() { _ = w.server.ServeTLS(listener, "", "") })
	return w, nil
}

// ServeHTTP carries one websocket until it ends.
func (w *webServer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(context.Background()) // a request's own ends with the upgrade
	defer cancel()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		http.Error(rw, "closing", http.StatusServiceUnavailable)
		return
	}
	w.links[&cancel] = struct{}{}
	w.wg.Add(1)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.links, &cancel)
		w.mu.Unlock()
		w.wg.Done()
	}()

	link, err := wsbind.Accept(rw, r)
	if err != nil {
		w.log.Debug("no websocket", "from", r.RemoteAddr, "err", err)
		return
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	e := endpointAt(from, link)
	w.log.Debug("websocket", "from", from)
	err = link.Run(ctx, true, func(p []byte) { w.mux.fromWeb(e, p, ctx.Done()) })
	w.log.Debug("websocket ended", "from", from, "err", err)
}

// cut ends the running websockets; new ones are taken.
func (w *webServer) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for cancel := range w.links {
		(*cancel)()
	}
}

func (w *webServer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	_ = w.server.Close()
	w.cut()
	w.wg.Wait()
}

// selfSigned makes a certificate for the host of addr. Clients look at WireGuard's keys, not at it.
func selfSigned(addr string) (tls.Certificate, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("websocket address: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("websocket certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "WireGuard gateway"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("websocket certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
