package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ops-console/ops/plaintext"
	"ops-console/wg"
)

// Failure is why a node could not be asked. It is an error.
type Failure struct {
	Kind     FailureKind
	SQLState string // five characters; empty: not the server's
	Text     string // one line, without secrets, safe to show
	Hint     string // what to do about it, one line; empty: nothing better is known than Text
	Err      error  // not for the screen
}

// Error implements error.
func (f *Failure) Error() string { return f.Text }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// FailureKind sorts failures by what to do about them.
type FailureKind string

// The kinds.
const (
	FailRefused      FailureKind = "refused"        // nothing listens
	FailTimeout      FailureKind = "timeout"        // no answer in time: black hole, stopped, overloaded; with 57014 the server's own limit
	FailUnreachable  FailureKind = "unreachable"    // no route, no name, no network
	FailCut          FailureKind = "cut"            // the connection broke while it was used
	FailAuth         FailureKind = "auth"           // password, pg_hba.conf, certificate, no such role or database
	FailStarting     FailureKind = "starting"       // 57P03 while starting up
	FailShuttingDown FailureKind = "shutting_down"  // 57P01, 57P03 while shutting down
	FailNoHotStandby FailureKind = "no_hot_standby" // a standby that takes no connections
	FailTooMany      FailureKind = "too_many"       // 53300 and limits of roles and databases
	FailConfig       FailureKind = "config"         // what we were told cannot be right
	FailOther        FailureKind = "other"
)

// maxText is how long the text of a failure may be, in characters.
const maxText = 300

// during says in which part of a conversation something failed.
type during struct {
	connecting bool
	limit      time.Duration
}

// failed makes a Failure of any error of the driver or the network.
func failed(err error, n Node, d during) *Failure {
	if f := (*Failure)(nil); errors.As(err, &f) {
		return f
	}
	f := &Failure{Err: err}
	if pe := (*pgconn.PgError)(nil); errors.As(err, &pe) {
		f.said(pe, d)
	} else {
		f.happened(err, n, d)
	}
	f.Text = plaintext.Line(scrub(f.Text, n), maxText)
	f.Hint = plaintext.Line(inWords(f.Hint, n), maxText)
	return f
}

// said classifies what the server said.
func (f *Failure) said(pe *pgconn.PgError, d during) {
	f.SQLState = plaintext.Line(pe.Code, 5)
	f.Text = pe.Message
	if pe.Detail != "" {
		f.Text += ": " + pe.Detail
	}
	f.Text += " (" + f.SQLState + ")"
	for _, r := range serverRules {
		if r.matches(pe, d) {
			f.Kind, f.Hint = r.kind, r.hint
			return
		}
	}
	f.Kind = FailOther
}

// serverRule says what an error of the server means. The first that matches counts.
type serverRule struct {
	state string // SQLSTATE, or the beginning of it
	says  string // part of the message or detail, in lower case; servers may say it in another language
	when  func(during) bool
	kind  FailureKind
	hint  string
}

func (r serverRule) matches(pe *pgconn.PgError, d during) bool {
	return strings.HasPrefix(pe.Code, r.state) && (r.when == nil || r.when(d)) &&
		strings.Contains(strings.ToLower(pe.Message+" "+pe.Detail), r.says)
}

func connecting(d during) bool { return d.connecting }

const (
	hintPassword = "set the password of {user} with database.password_env, PGPASSWORD or a line in ~/.pgpass, or check database.user"
	hintHBA      = "{user} may not connect from here: add a line for it to the server's pg_hba.conf, or name another role with database.user"
	hintRole     = "name a role that exists with database.user (now {user})"
	hintDatabase = "name a database that exists with database.name (now {database})"
	hintSlots    = "no connection is free: end idle ones, raise max_connections, or GRANT pg_use_reserved_connections TO {role} (PostgreSQL 16)"
	hintGrant    = "a superuser can run: GRANT pg_monitor TO {role}"
	hintHot      = "set hot_standby = on in its postgresql.conf; until then its lag is seen from the primary only"
	hintStarting = "it takes connections once it has replayed its log up to a consistent point; if that does not end, see its log, and whether hot_standby is on"
	hintEnded    = "the server is being stopped, or somebody ended this session with pg_terminate_backend"
	hintSlow     = "the server was asked and took too long: overloaded, or waiting for a lock"
	hintPooler   = "that is a pooler's answer: give the server's own address and port"
)

// serverRules are the errors of PostgreSQL (Appendix A of its documentation) and of PgBouncer, which has 08P01 for most
// of what it says, and for what servers said to it.
var serverRules = []serverRule{
	{state: "57P03", says: "hot standby mode is disabled", kind: FailNoHotStandby, hint: hintHot},
	{state: "57P03", says: "shutting down", kind: FailShuttingDown},
	{state: "57P03", kind: FailStarting, hint: hintStarting},
	{state: "57P01", kind: FailShuttingDown, hint: hintEnded},
	{state: "57P02", kind: FailCut, hint: "another backend crashed and the server restarts"},
	{state: "57P05", kind: FailCut, hint: "idle_session_timeout of {user} is shorter than the interval of the questions"},
	{state: "57014", kind: FailTimeout, hint: hintSlow},
	{state: "53300", says: "too many connections for role", kind: FailTooMany, hint: "ALTER ROLE {role} CONNECTION LIMIT allows it too few"},
	{state: "53300", says: "too many connections for database", kind: FailTooMany, hint: "ALTER DATABASE … CONNECTION LIMIT allows too few"},
	{state: "53300", kind: FailTooMany, hint: hintSlots},
	{state: "28P01", kind: FailAuth, hint: hintPassword},
	{state: "28000", says: "pg_hba.conf", kind: FailAuth, hint: hintHBA},
	{state: "28000", says: "does not exist", kind: FailAuth, hint: hintRole},
	{state: "28", kind: FailAuth, hint: hintHBA},
	{state: "3D000", kind: FailAuth, hint: hintDatabase},
	{state: "42501", when: connecting, kind: FailAuth, hint: "GRANT CONNECT ON DATABASE {database} TO {role}"},
	{state: "42501", kind: FailOther, hint: hintGrant},
	{state: "08P01", says: "no such user", kind: FailAuth, hint: hintRole},
	{state: "08P01", says: "no such database", kind: FailAuth, hint: hintDatabase},
	{state: "08P01", says: "does not exist", kind: FailAuth, hint: hintDatabase},
	{state: "08P01", says: "too many connections", kind: FailTooMany, hint: hintSlots},
	{state: "08P01", says: "too many clients", kind: FailTooMany, hint: hintSlots},
	{state: "08P01", says: "no more connections allowed", kind: FailTooMany, hint: hintPooler},
	{state: "08P01", says: "auth", kind: FailAuth, hint: hintPassword},
	{state: "08P01", says: "starting up", kind: FailStarting, hint: hintStarting},
	{state: "08P01", says: "timeout", kind: FailTimeout, hint: hintPooler},
	{state: "08P01", says: "shut", kind: FailShuttingDown, hint: hintPooler},
	{state: "08P01", says: "cannot connect to server", kind: FailRefused, hint: hintPooler},
	{state: "08", kind: FailCut, hint: hintPooler},
}

// happened classifies what is not the server's own word.
func (f *Failure) happened(err error, n Node, d during) {
	for _, r := range clientRules {
		if !r.is(err, d) {
			continue
		}
		f.Kind, f.Hint, f.Text = r.kind, r.hint, r.text
		if f.Text == "" {
			f.Text = leaf(err)
		}
		within := "in time" // who asked had a limit of his own
		if d.limit > 0 {
			within = "within " + d.limit.String()
		}
		f.Text = strings.NewReplacer("{address}", n.Key(), "{within}", within).Replace(f.Text)
		return
	}
	f.Kind, f.Text = FailOther, leaf(err)
}

// clientRule says what an error on this side means. The first that is so counts.
type clientRule struct {
	is   func(error, during) bool
	kind FailureKind
	text string // empty: what the innermost error says
	hint string
}

var clientRules = []clientRule{
	{is: isNow(context.Canceled), kind: FailTimeout, text: "given up before {address} answered"},
	{is: isNow(errNoNetwork), kind: FailUnreachable, text: "{address} is in the private network, which was not joined", hint: "join it (ops-console wg status says how that is), or set database.via = \"direct\""},
	{is: isNow(wg.ErrOutside), kind: FailUnreachable, hint: "the tunnel does not carry this address: set database.via = \"direct\" if it can be reached without"},
	{is: isA[wg.ErrDead](), kind: FailUnreachable, hint: "ops-console wg status says what is wrong with the tunnel"},
	{is: isNow(wg.ErrClosed), kind: FailUnreachable, text: "the private network was left"},
	{is: noSuchName, kind: FailUnreachable, hint: "check the name; one that ends in .internal is known only in the private network, and only while a machine of it runs"},
	{is: isA[*net.DNSError](), kind: FailUnreachable, hint: "ops-console wg status says what is wrong with the network's DNS"},
	{is: badCertificate, kind: FailAuth, hint: "the URL must name the host that the certificate is for, and sslrootcert its authority; sslmode=require in the URL connects without checking"},
	{is: refusedTLS, kind: FailConfig, text: "{address} does not speak TLS", hint: "through the tunnel none is needed: leave sslmode out of the URL; without the tunnel nothing but TLS is safe"},
	{is: notTLS, kind: FailConfig, hint: "check that the port is PostgreSQL's"},
	{is: isNow(syscall.ECONNREFUSED), kind: FailRefused, text: "{address} refuses connections", hint: "nothing listens there: the server is stopped, or listens at another port (in a Fly Postgres app each machine's own is 5433)"},
	{is: isNow(fs.ErrNotExist), kind: FailRefused, text: "no server has its socket at {address}", hint: "the server is stopped, or keeps its socket elsewhere"},
	{is: isNow(syscall.EHOSTUNREACH), kind: FailUnreachable, text: "no route to {address}", hint: "the machine is gone or has another address now, or the tunnel does not carry it"},
	{is: isNow(syscall.ENETUNREACH), kind: FailUnreachable, text: "no route to {address}", hint: "this machine has no route there; addresses of the private network need database.via = \"network\""},
	{is: slowConnect, kind: FailTimeout, text: "{address} did not answer {within}", hint: "the machine is frozen or overloaded, or packets get lost on the way: look at its machine and at ops-console wg status"},
	{is: slow, kind: FailTimeout, text: "{address} did not answer {within}, and its own time limit did not end the question", hint: "the server is frozen or the way there is dead"},
	{is: cutConnect, kind: FailCut, text: "{address} took the connection and closed it", hint: "a proxy without a server behind it does that: HAProxy at port 5432 of a Fly Postgres app has no primary then"},
	{is: cut, kind: FailCut, text: "{address} broke the connection off"},
	{is: isNow(fs.ErrPermission), kind: FailAuth, hint: "this user may not use that socket"},
}

func isNow(target error) func(error, during) bool {
	return func(err error, _ during) bool { return errors.Is(err, target) }
}

func isA[T error]() func(error, during) bool {
	return func(err error, _ during) bool {
		var t T
		return errors.As(err, &t)
	}
}

func noSuchName(err error, _ during) bool {
	e := (*net.DNSError)(nil)
	return errors.As(err, &e) && e.IsNotFound
}

func badCertificate(err error, d during) bool {
	return isA[*tls.CertificateVerificationError]()(err, d) || isA[x509.UnknownAuthorityError]()(err, d) ||
		isA[x509.HostnameError]()(err, d) || isA[x509.CertificateInvalidError]()(err, d) || isA[tls.AlertError]()(err, d)
}

func notTLS(err error, d during) bool { return isA[tls.RecordHeaderError]()(err, d) }

// refusedTLS knows the driver's error by its text, as it has no name.
func refusedTLS(err error, _ during) bool {
	return strings.Contains(err.Error(), "server refused TLS connection")
}

func slow(err error, _ during) bool {
	ne := net.Error(nil)
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, syscall.ETIMEDOUT) || errors.As(err, &ne) && ne.Timeout() || pgconn.Timeout(err)
}

func slowConnect(err error, d during) bool { return d.connecting && slow(err, d) }

func cut(err error, _ during) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, pgconn.ErrConnClosed} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func cutConnect(err error, d during) bool { return d.connecting && cut(err, d) }

// leaf is what the innermost error says, or what the network says of it. What the driver wraps around it repeats the
// address and names the role; where there are several causes, the first is told.
func leaf(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	for {
		next := errors.Unwrap(err)
		if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 { //nolint:errorlint // a step of unwrapping
			next = many.Unwrap()[0]
		}
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// scrub takes the node's password out of a text. No error is known to contain it: this is the second lock.
func scrub(s string, n Node) string {
	if n.Config == nil {
		return s
	}
	return scrubbed(s, n.Config.Password)
}

// scrubbed takes a password out of a text. Of less than three characters it cannot be told from other text.
func scrubbed(s, password string) string {
	if len(password) < 3 {
		return s
	}
	return strings.NewReplacer(password, "***", url.QueryEscape(password), "***", url.PathEscape(password), "***").Replace(s)
}

// inWords fills in the names that a hint speaks of.
func inWords(hint string, n Node) string {
	if hint == "" || n.Config == nil {
		return hint
	}
	return strings.NewReplacer("{user}", n.Config.User, "{role}", quoted(n.Config.User), "{database}", n.Config.Database,
		"{address}", n.Key()).Replace(hint)
}
