package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
)

// present compares what the store says of each object with the manifest.
func (v *run) present(ctx context.Context) error {
	for i, p := range v.manifest.Payload {
		v.tell(Looking, p.Key, int64(i), int64(len(v.manifest.Payload)))
		info, err := v.Store.Stat(ctx, v.key(p))
		if errors.Is(err, store.ErrNotFound) {
			return v.gone(ctx, err)
		}
		if err != nil {
			return err
		}
		if info.Size != p.Stored.Bytes {
			return bad("%s has %d bytes in the store instead of %d", p.Key, info.Size, p.Stored.Bytes)
		}
		if info.CRC32C != "" && p.Stored.CRC32C != "" && info.CRC32C != p.Stored.CRC32C {
			return bad("%s has the checksum %s in the store instead of %s", p.Key, info.CRC32C, p.Stored.CRC32C)
		}
	}
	return nil
}

// decoded reads every object back.
func (v *run) decoded(ctx context.Context) error { return v.decodeAll(ctx) }

func (v *run) decodeAll(ctx context.Context) error {
	for _, p := range v.manifest.Payload {
		if err := v.decode(ctx, p, io.Discard); err != nil {
			return err
		}
	}
	return nil
}

// decode reads one object to its proven end.
func (v *run) decode(ctx context.Context, p backup.Payload, to io.Writer) error {
	in, err := v.open(ctx, p)
	if err != nil {
		return err
	}
	defer in.Close()
	meter := &meter{told: func(n int64) { v.tell(Reading, p.Key, n, p.Raw.Bytes) }}
	if _, err := io.Copy(io.MultiWriter(to, meter), in); err != nil {
		return fmt.Errorf("read %s: %w", p.Key, err)
	}
	v.tell(Reading, p.Key, meter.n, p.Raw.Bytes)
	return nil
}

// sums compares the stored bytes alone, for which no key is needed.
func (v *run) sums(ctx context.Context) error {
	for _, p := range v.manifest.Payload {
		object, _, err := v.Store.Open(ctx, v.key(p), 0)
		if err != nil {
			return err
		}
		err = stream.Sums(object, p)
		object.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// globals is the SQL of the roles; empty where the backup has none.
func (v *run) globals(ctx context.Context) (string, error) {
	const limit = 64 << 20
	for _, p := range v.manifest.Payload {
		if p.Kind != backup.Globals {
			continue
		}
		if p.Raw.Bytes > limit {
			return "", fmt.Errorf("%s has %d bytes: that is more than roles can be", p.Key, p.Raw.Bytes)
		}
		var text bytes.Buffer
		err := v.decode(ctx, p, &text)
		return text.String(), err
	}
	return "", nil
}

// meter counts what goes by, and tells of it every few megabytes.
type meter struct {
	n, last int64
	told    func(int64)
}

func (m *meter) Write(b []byte) (int, error) {
	const every = 4 << 20
	m.n += int64(len(b))
	if m.n-m.last >= every {
		m.last = m.n
		m.told(m.n)
	}
	return len(b), nil
}
