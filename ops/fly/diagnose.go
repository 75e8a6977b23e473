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
func diagnose(err error, timeout time.Duration) (kind error, message, hint string) {
	if kind, message, hint = diagnoseTLS(err); kind != nil {
		return kind, message, hint
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, ErrNoNetwork):
		return ErrNoNetwork, "the address is inside the private network, which is not joined", hintNetwork
	case errors.Is(err, ErrClosed):
		return ErrClosed, "the client was closed", ""
	case errors.Is(err, ErrRateLimited):
		return ErrRateLimited, "", "wait a little, or ask less often"
	case errors.Is(err, context.Canceled):
		return context.Canceled, "cancelled", ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		if timeout > 0 {
			return ErrTimeout, "no answer within " + timeout.String(), hintStatus
		}
		return ErrTimeout, "no time left", ""
	case errors.As(err, &dns):
		return ErrUnavailable, "the name " + dns.Name + " cannot be resolved: " + dns.Err, "check this machine's network and DNS, and the API's address in the profile"
	case errors.Is(err, syscall.ECONNREFUSED):
		return ErrUnavailable, "connection refused", "nothing listens there: check the API's address in the profile"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return ErrUnavailable, "no route there", "check this machine's network"
	case cut(err):
		return ErrUnavailable, "the connection was cut", hintStatus
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return ErrTLS, "the server there speaks plain http", hintBase
	case strings.Contains(err.Error(), "malformed HTTP"):
		return ErrBadAnswer, "what answers there does not speak HTTP", hintBase
	}
	return nil, "", hintStatus
}

// cut tells of connections that ended in the middle.
func cut(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func diagnoseTLS(err error) (kind error, message, hint string) {
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
		return ErrTLS, fmt.Sprintf("the server's certificate is valid only from %s to %s",
				invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly)),
			"check this machine's clock first; if it is right, the server's owner has to renew the certificate"
	case errors.As(err, &authority):
		return ErrTLS, "the server's certificate is signed by an unknown authority", meddled
	case errors.As(err, &host):
		return ErrTLS, "the server's certificate is for another host than " + host.Host, "check the API's address in the profile; " + meddled
	case errors.As(err, &invalid), errors.As(err, &verify):
		return ErrTLS, "", meddled
	case errors.As(err, &record):
		return ErrTLS, "the server there does not speak TLS", hintBase
	case errors.As(err, &alert):
		return ErrTLS, "the server broke off the TLS handshake: " + alert.Error(), ""
	}
	return nil, "", ""
}
