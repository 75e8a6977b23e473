package platform

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"

	"ops-console/ops/fly"
)

// parts is the argument that restricts a fault of the interfaces to one of them.
func parts() FaultArg {
	return FaultArg{"part", "all", "all, machines, graphql or rest"}
}

// apiFaults is what can be wrong with the interfaces.
func apiFaults() []FaultKind {
	return []FaultKind{
		{Name: "api-down", Args: []FaultArg{{"how", "close", "close the connection, or answer 503"}, parts()}, Help: "the platform's interfaces do not answer"},
		{Name: "api-slow", Args: []FaultArg{{"delay", "3s", "before every answer"}, parts()}, Help: "the platform's interfaces answer late"},
		{Name: "api-5xx-burst", Args: []FaultArg{{"n", "5", "how many requests; 0: until switched off"}, {"status", "503", "the status"}, parts()}, Help: "requests fail with a server error"},
		{Name: "unauthorized", Args: []FaultArg{parts()}, Help: "no token is accepted any more"},
		{Name: "rate-limited", Args: []FaultArg{{"retry", "2s", "the Retry-After"}, parts()}, Help: "every request is one too many"},
		{Name: "html-error", Args: []FaultArg{{"status", "200", "the status"}, parts()}, Help: "a captive portal answers in the platform's place, in HTML"},
		{Name: "garbled-json", Args: []FaultArg{parts()}, Help: "answers break off in the middle of the JSON"},
		{Name: "list-empty", Args: []FaultArg{{"n", "0", "how many times; 0: until switched off"}}, Help: "the list of machines is empty"},
		{Name: "list-short", Args: []FaultArg{{"drop", "1", "how many machines are missing"}, {"region", "", "all of this region are missing instead"}}, Help: "the list of machines lacks some"},
		{Name: "list-stale", Help: "the list of machines is as it was when this was switched on", begin: func(w *World, _ *activeFault) error {
			for _, a := range w.appOrder {
				a.stale = w.encodeMachines(w.alive(a), false, false)
			}
			return nil
		}, end: func(w *World, _ *activeFault) {
			for _, a := range w.appOrder {
				a.stale = nil
			}
		}},
		{Name: "create-ignored", Args: []FaultArg{{"n", "1", "how many times; 0: until switched off"}}, Help: "creating a machine is answered as if it were done, and nothing comes of it"},
		{Name: "408-after-create", Args: []FaultArg{{"n", "1", "how many times; 0: until switched off"}}, Help: "machines are created, but the caller gets a 408"},
	}
}

// part is which of the interfaces a path belongs to.
func part(path string) string {
	switch {
	case path == "/graphql":
		return "graphql"
	case strings.HasPrefix(path, "/api/"):
		return "rest"
	}
	return "machines"
}

// hits is the fault of a name where it is on and concerns a request.
func (w *World) hits(name string, r *http.Request) *activeFault {
	a := w.on(name)
	if a == nil || a.args["part"] != "all" && a.args["part"] != part(r.URL.Path) {
		return nil
	}
	return a
}

// spoil answers in the platform's place where a fault says so.
func (w *World) spoil(rw http.ResponseWriter, r *http.Request) bool {
	w.lock()
	down, slow := w.hits("api-down", r), w.hits("api-slow", r)
	w.unlock()
	if slow != nil && !w.sleep(r.Context(), slow.args.Duration("delay")) {
		hangUp(rw)
		return true
	}
	if down != nil {
		if down.args["how"] == "503" {
			rw.Header().Set("Content-Type", "text/plain")
			rw.WriteHeader(http.StatusServiceUnavailable)
			_, _ = rw.Write([]byte("no server is available to handle this request\n"))
			return true
		}
		hangUp(rw)
		return true
	}
	w.lock()
	defer w.unlock()
	if a := w.hits("html-error", r); a != nil {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		rw.WriteHeader(a.args.status())
		_, _ = rw.Write([]byte("<!DOCTYPE html>\n<html><head><title>Welcome to the guest network</title></head>\n<body><h1>Please accept the terms of use</h1><form action=\"/accept\"><button>Accept</button></form></body></html>\n"))
		return true
	}
	var rep reply
	switch {
	case w.hits("unauthorized", r) != nil:
		rep = errorReply(apiError{http.StatusUnauthorized, "You must be authenticated to view this.", "UNAUTHORIZED"}, part(r.URL.Path) == "graphql")
	case w.hits("rate-limited", r) != nil:
		rep = errorReply(limitError{w.on("rate-limited").args.Duration("retry")}, false)
	case w.hits("api-5xx-burst", r) != nil:
		status := w.on("api-5xx-burst").args.status()
		w.use("api-5xx-burst")
		rep = errorReply(apiError{status, "internal: " + strings.ToLower(http.StatusText(status)), "unknown"}, false)
	default:
		return false
	}
	for k, vv := range rep.header {
		rw.Header()[k] = vv
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(rep.status)
	b, _ := json.Marshal(rep.body)
	_, _ = rw.Write(b)
	return true
}

// status is an argument of that name, if it can be one.
func (a Args) status() int {
	if n := a.Int("status"); n >= 200 && n <= 599 {
		return n
	}
	return http.StatusServiceUnavailable
}

// hangUp closes the connection without an answer, by a reset where the system allows it.
func hangUp(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// garble cuts an answer off where that fault is on.
func (w *World) garble(raw []byte, r *http.Request) []byte {
	w.lock()
	defer w.unlock()
	if w.hits("garbled-json", r) == nil {
		return raw
	}
	return append(raw[:len(raw)/2:len(raw)/2], "\x00\ufffd{\""...)
}

// alive is the machines of an app that are not destroyed.
func (w *World) alive(a *app) []*machine {
	var mm []*machine
	for _, m := range a.machines {
		if !m.gone() {
			mm = append(mm, m)
		}
	}
	return mm
}

// listFault is the whole list where a fault makes it up.
func (w *World) listFault(a *app) ([]byte, bool) {
	switch {
	case a.stale != nil:
		return a.stale, true
	case w.use("list-empty"):
		return []byte("[]"), true
	}
	return nil, false
}

// listed is the machines that a list is made from.
func (w *World) listed(a *app) []*machine {
	f := w.on("list-short")
	if f == nil {
		return a.machines
	}
	drop, region := f.args.Int("drop"), f.args["region"]
	mm := make([]*machine, 0, len(a.machines))
	for _, m := range a.machines {
		if region != "" && m.region == region {
			continue
		}
		if region == "" && drop > 0 && m.state == fly.StateStarted {
			drop--
			continue
		}
		mm = append(mm, m)
	}
	return mm
}

// itoa is short for the texts of this package.
func itoa(n int) string { return strconv.Itoa(n) }
