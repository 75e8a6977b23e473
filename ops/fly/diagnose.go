package fly

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// diagnose says what an error of the transport is about, in words, and what to do about it. An empty message means
// that err says it best itself.
func diagnose(err error, timeout time.Duration) (message, hint string, kind error) {
	if message, hint, kind = diagnoseTLS(err); kind != nil {
		return message, hint, kind
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, ErrNoNetwork):
		return "the address is inside the private network, which is not joined", hintNetwork, ErrNoNetwork
	case errors.Is(err, ErrClosed):
		return "the client was closed", "", ErrClosed
	case errors.Is(err, ErrRateLimited):
		return "", "wait a little, or ask less often", ErrRateLimited
	case errors.Is(err, context.Canceled):
		return "cancelled", "", context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		if timeout > 0 {
			return "no answer within " + timeout.String(), hintStatus, ErrTimeout
		}
		return "no time left", "", ErrTimeout
	case errors.As(err, &dns):
		return "the name " + dns.Name + " cannot be resolved: " + dns.Err, "check this machine's network and DNS, and the API's address in the profile", ErrUnavailable
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", "nothing listens there: check the API's address in the profile", ErrUnavailable
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route there", "check this machine's network", ErrUnavailable
	case cut(err):
		return "the connection was cut", hintStatus, ErrUnavailable
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the server there speaks plain http", hintBase, ErrTLS
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "what answers there does not speak HTTP", hintBase, ErrBadAnswer
	}
	return "", hintStatus, nil
}

// cut tells of connections that ended in the middle.
func cut(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func diagnoseTLS(err error) (message, hint string, kind error) {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		verify    *tls.CertificateVerificationError
	)
	const meddled = "if a proxy of your company opens TLS, add its root to the system's; otherwise somebody is in between: do not go on"
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return fmt.Sprintf("the server's certificate has expired or is not valid yet: it is valid from %s to %s",
				invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly)),
			"check this machine's clock first; if it is right, the server's owner has to renew the certificate", ErrTLS
	case errors.As(err, &authority):
		return "the server's certificate is signed by an unknown authority", meddled, ErrTLS
	case errors.As(err, &host):
		return "the server's certificate is for another host than " + host.Host, "check the API's address in the profile; " + meddled, ErrTLS
	case errors.As(err, &invalid), errors.As(err, &verify):
		return "", meddled, ErrTLS
	case errors.As(err, &record):
		return "the server there does not speak TLS", hintBase, ErrTLS
	case errors.As(err, &alert):
		return "the server broke off the TLS handshake: " + alert.Error(), "", ErrTLS
	}
	return "", "", nil
}
