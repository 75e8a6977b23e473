package store

import (
	"context"
	"io"
	"time"
)

// PageSize makes a bucket be listed in small pages.
func PageSize(s Store, n int) { s.(*S3).pageSize = n }

// PartSize makes an upload to a bucket use small parts.
func PartSize(u Upload, n int64) { u.(*s3Upload).size = n }

// SizeOfParts is what is chosen for an object of about so many bytes.
func SizeOfParts(expect int64, maxParts int) int64 { return partSize(expect, maxParts) }

// ParseKeys reads a file of keys.
func ParseKeys(b []byte, profile string) (Keys, error) { return parseKeys(b, profile) }

// TempName and KeyOf are each other's inverse.
func TempName(key string, nonce []byte) string { return tempName(key, nonce) }

// KeyOf reads the key from a name.
func KeyOf(name string) (string, bool) { return keyOf(name) }

// RenameIfAbsent is what a directory does where there are no links.
func RenameIfAbsent(from, to string) error { return renameIfAbsent(from, to) }

// InParts makes an upload one in parts, however small.
func InParts(u Upload) error { return u.(*s3Upload).start() }

// Settle waits until no part of an upload is under way.
func Settle(u Upload) { u.(*s3Upload).wg.Wait() }

// Send lends a buffer to a request.
func Send(s Store, b []byte, do func(io.Reader) error) error {
	return s.(*S3).send(context.Background(), b, func(_ context.Context, r io.Reader) error { return do(r) })
}

// Within begins something that has to be there in a time.
func Within(ctx context.Context, d time.Duration, begin func(context.Context) error) (context.CancelCauseFunc, error) {
	return within(ctx, d, begin)
}
