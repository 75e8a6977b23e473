package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
)

// s3Code is what an error code of S3 means.
type s3Code struct {
	kind  error
	again bool // trying again can help
	hint  string
}

const (
	hintKeys  = "Check the keys, and that they may read, write, list and delete in this bucket"
	hintFull  = "Make room: prune backups, or raise the limit"
	hintMoved = "It sends us elsewhere: check the endpoint, and whether it wants https"
	hintWrite = "If this store knows no conditional writes, or no CRC-32C of whole objects, say conditional=no, checksum=parts or checksum=none in its address"
)

// s3Codes has the codes of Amazon's list, of MinIO and of others that say something else than their HTTP status does.
var s3Codes = map[string]s3Code{
	"NoSuchBucket":                   {ErrNoBucket, false, "Check its name, or make it"},
	"NoSuchKey":                      {ErrNotFound, false, ""},
	"NotFound":                       {ErrNotFound, false, ""},
	"NoSuchUpload":                   {ErrClosed, false, "Somebody removed the unfinished upload: a sweep, or a rule of the bucket's life cycle. Run it again"},
	"PreconditionFailed":             {ErrExists, false, ""},
	"AccessDenied":                   {ErrDenied, false, hintKeys},
	"AllAccessDisabled":              {ErrDenied, false, hintKeys},
	"AccountProblem":                 {ErrDenied, false, "Ask the store's support about the account"},
	"InvalidAccessKeyId":             {ErrDenied, false, "The store does not know the access key: check it, and the endpoint"},
	"SignatureDoesNotMatch":          {ErrDenied, false, "The secret key is not that of the access key: check both, and the region"},
	"XAdminUserNotFound":             {ErrDenied, false, "The store does not know the access key: check it, and the endpoint"},
	"InvalidSecurity":                {ErrDenied, false, hintKeys},
	"NotSignedUp":                    {ErrDenied, false, hintKeys},
	"ExpiredToken":                   {ErrExpired, false, "Get new keys and run it again"},
	"ExpiredTokenException":          {ErrExpired, false, "Get new keys and run it again"},
	"TokenRefreshRequired":           {ErrExpired, false, "Get new keys and run it again"},
	"InvalidToken":                   {ErrExpired, false, "Get new keys and run it again"},
	"RequestTimeTooSkewed":           {ErrClock, false, "Set this machine's clock (timedatectl set-ntp true) and run it again"},
	"RequestExpired":                 {ErrClock, false, "Set this machine's clock (timedatectl set-ntp true) and run it again"},
	"AuthorizationHeaderMalformed":   {ErrConfig, false, "Say the bucket's region=NAME in the store's address"},
	"InvalidRegion":                  {ErrConfig, false, "Say the bucket's region=NAME in the store's address"},
	"PermanentRedirect":              {ErrConfig, false, "Say the bucket's region=NAME, or its own endpoint, in the store's address"},
	"TemporaryRedirect":              {ErrUnavailable, true, ""},
	"InvalidBucketName":              {ErrConfig, false, "Check the bucket's name"},
	"XMinioStorageFull":              {ErrFull, false, hintFull},
	"XMinioAdminBucketQuotaExceeded": {ErrFull, false, hintFull},
	"QuotaExceeded":                  {ErrFull, false, hintFull},
	"QuotaExceededException":         {ErrFull, false, hintFull},
	"InsufficientStorage":            {ErrFull, false, hintFull},
	"InsufficientCapacity":           {ErrFull, false, hintFull},
	"EntityTooLarge":                 {ErrTooLarge, false, ""},
	"EntityTooSmall":                 {ErrConfig, false, "This store wants larger parts than 8 MiB"},
	"BadDigest":                      {ErrCorrupt, true, ""},
	"InvalidDigest":                  {ErrCorrupt, true, ""},
	"XAmzContentSHA256Mismatch":      {ErrCorrupt, true, ""},
	"XAmzContentChecksumMismatch":    {ErrCorrupt, true, ""},
	"IncompleteBody":                 {ErrUnavailable, true, ""},
	"InvalidPart":                    {ErrCorrupt, false, "The store lost a part that it had taken. Run it again"},
	"NotImplemented":                 {ErrUnsupported, false, ""},
	"XNotImplemented":                {ErrUnsupported, false, ""},
	"InvalidRequest":                 {nil, false, ""},
	"InvalidArgument":                {nil, false, ""},
	"InternalError":                  {ErrUnavailable, true, ""},
	"SlowDown":                       {ErrUnavailable, true, ""},
	"SlowDownRead":                   {ErrUnavailable, true, ""},
	"SlowDownWrite":                  {ErrUnavailable, true, ""},
	"ServiceUnavailable":             {ErrUnavailable, true, ""},
	"RequestTimeout":                 {ErrUnavailable, true, ""},
	"RequestTimeTooSlow":             {ErrUnavailable, true, ""},
	"Throttling":                     {ErrUnavailable, true, ""},
	"ThrottlingException":            {ErrUnavailable, true, ""},
	"RequestLimitExceeded":           {ErrUnavailable, true, ""},
	"TooManyRequests":                {ErrUnavailable, true, ""},
	"OperationAborted":               {ErrUnavailable, true, ""},
	"ConditionalRequestConflict":     {ErrUnavailable, true, ""},
}

// s3Statuses say what an answer means whose code says nothing.
var s3Statuses = map[int]s3Code{
	http.StatusMovedPermanently:      {ErrConfig, false, hintMoved},
	http.StatusFound:                 {ErrConfig, false, hintMoved},
	http.StatusTemporaryRedirect:     {ErrConfig, false, hintMoved},
	http.StatusPermanentRedirect:     {ErrConfig, false, hintMoved},
	http.StatusUnauthorized:          {ErrDenied, false, hintKeys},
	http.StatusForbidden:             {ErrDenied, false, hintKeys},
	http.StatusNotFound:              {ErrNotFound, false, ""},
	http.StatusRequestTimeout:        {ErrUnavailable, true, ""},
	http.StatusConflict:              {ErrUnavailable, true, ""},
	http.StatusPreconditionFailed:    {ErrExists, false, ""},
	http.StatusRequestEntityTooLarge: {ErrTooLarge, false, ""},
	http.StatusTooManyRequests:       {ErrUnavailable, true, ""},
	http.StatusNotImplemented:        {ErrUnsupported, false, ""},
	http.StatusInsufficientStorage:   {ErrFull, false, hintFull},
}

// Why a request of ours was given up, as causes of its context.
var (
	errTimeout = errors.New("no answer in time")
	errStalled = errors.New("next to nothing moved")
)

// failed makes an Error of what a request gave, and says whether trying again can help. ctx is the caller's.
func (s *S3) failed(ctx, try context.Context, r request, err error, a *answer) (*Error, bool) {
	e := &Error{Op: r.op, Key: r.key, Store: s.addr.short(), Err: err}
	if own := (*Error)(nil); errors.As(err, &own) {
		c := *own
		c.Op, c.Key, c.Store = e.Op, e.Key, e.Store
		return &c, false
	}
	if cause := context.Cause(ctx); cause != nil {
		if own := (*Error)(nil); errors.As(cause, &own) {
			c := *own // what ended the upload that this belonged to
			return &c, false
		}
		e.Err = cause
		return e, false
	}
	var er minio.ErrorResponse
	if errors.As(err, &er) && er.StatusCode != 0 {
		again := e.answered(er)
		if errors.Is(e.Kind, ErrClock) && !a.date.IsZero() {
			e.Text = clockText(s.o.Now().Sub(a.date))
		}
		if r.writes && errors.Is(e.Kind, ErrNotFound) { // the library's word for any 404
			e.Kind, e.Text, e.Hint = ErrConfig, "what is written is not found there", "Check the endpoint: that may be no S3"
		}
		if r.writes && slices.Contains([]string{"InvalidRequest", "InvalidArgument", "NotImplemented", "XNotImplemented"}, e.Code) {
			e.Hint = hintWrite
		}
		return e, again
	}
	e.Kind = ErrUnavailable
	again := e.unanswered(err, context.Cause(try))
	return e, again
}

// answered takes over an error that the store told, and says whether trying again can help.
func (e *Error) answered(er minio.ErrorResponse) bool {
	e.Status, e.Code, e.Text = er.StatusCode, er.Code, er.Message
	if strings.ContainsRune(e.Code, ' ') { // the library's word for an answer without a code: "502 Bad Gateway"
		e.Code = ""
	}
	if e.Text == "" {
		e.Text = strings.ToLower(http.StatusText(e.Status))
	}
	c, ok := s3Codes[er.Code]
	if !ok && (er.StatusCode != http.StatusNotFound || e.Code == "") { // of a code that is not known, nobody knows what was not found
		c, ok = s3Statuses[er.StatusCode]
	}
	if !ok && er.StatusCode >= 500 {
		c = s3Code{ErrUnavailable, true, ""}
	}
	e.Kind, e.Hint = c.kind, c.hint
	if errors.Is(e.Kind, ErrConfig) && er.Region != "" && !strings.ContainsAny(er.Region, " \n<>&") && len(er.Region) < 40 {
		e.Hint = "Say region=" + er.Region + " in the store's address"
	}
	return c.again
}

// unanswered says in words why there was no answer, and whether trying again can help.
func (e *Error) unanswered(err, cause error) bool {
	var ue *url.Error
	if errors.As(err, &ue) { // what it adds is the address, with the names of parts
		err = ue.Err
	}
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		verify  *tls.CertificateVerificationError
		header  tls.RecordHeaderError
		dns     *net.DNSError
		errno   syscall.Errno
	)
	switch {
	case errors.Is(err, errStalled):
		e.Text, e.Err = errStalled.Error(), errStalled
	case errors.Is(err, errTimeout), errors.Is(cause, errTimeout):
		e.Text, e.Err = errTimeout.Error(), errTimeout
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &verify):
		e.Text, e.Hint = "its certificate is not trusted: "+err.Error(), "Check the endpoint, and that nobody stands between"
		return false
	case errors.As(err, &header), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Text, e.Hint = "it does not speak TLS", "If it shall be reached without, write http:// in the endpoint"
		return false
	case errors.As(err, &dns):
		e.Text = "no address for " + dns.Name
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "Connection closed by foreign host"):
		e.Text = "the connection was cut"
	case errors.As(err, &errno): // without the numbers of ports
		e.Text = errno.Error()
	default:
		e.Text = err.Error()
	}
	e.Hint = "Check the endpoint and the network"
	return true
}

// clockText says how this machine's clock stands to the store's.
func clockText(ahead time.Duration) string {
	word := "ahead of"
	if ahead < 0 {
		word, ahead = "behind", -ahead
	}
	if days := ahead.Hours() / 24; days >= 2 {
		return fmt.Sprintf("this machine's clock is %.0f days %s the store's", days, word)
	}
	return fmt.Sprintf("this machine's clock is %v %s the store's", ahead.Round(time.Second), word)
}
