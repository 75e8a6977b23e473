package pgcluster

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// newIdentity is a system identifier as initdb makes them: the seconds in its upper half.
func newIdentity(now time.Time) (uint64, error) {
	var low [4]byte
	if _, err := rand.Read(low[:]); err != nil {
		return 0, err
	}
	return uint64(now.Unix())<<32 | uint64(binary.NativeEndian.Uint32(low[:])), nil
}

// identify gives a cluster that was never started a system identifier of its own; all that come from one archive share
// theirs otherwise, and would pass for one another's nodes.
func identify(a account, dir string, id uint64) error {
	path := filepath.Join(dir, control)
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := identifyControl(b, id); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := a.write(path, string(b)); err != nil {
		return err
	}
	segments, err := filepath.Glob(filepath.Join(dir, "pg_wal", strings.Repeat("[0-9A-F]", 24)))
	if err != nil {
		return err
	}
	for _, segment := range segments {
		f, err := os.OpenFile(segment, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		// The first page has it behind the header that every page has (XLogLongPageHeaderData).
		_, err = f.WriteAt(binary.NativeEndian.AppendUint64(nil, id), 24)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// identifyControl changes the contents of a control file: the identifier comes first, and the CRC-32C of all before it
// last, at a place that differs between versions (ControlFileData).
func identifyControl(b []byte, id uint64) error {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	for at := 8; at+4 <= min(len(b), 512); at += 4 {
		if crc32.Checksum(b[:at], castagnoli) == binary.NativeEndian.Uint32(b[at:]) {
			binary.NativeEndian.PutUint64(b, id)
			binary.NativeEndian.PutUint32(b[at:], crc32.Checksum(b[:at], castagnoli))
			return nil
		}
	}
	return errors.New("the checksum is nowhere in it: it is damaged, or of a form unknown")
}
