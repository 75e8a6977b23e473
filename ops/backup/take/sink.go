package take

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"golang.org/x/time/rate"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
)

// object is a payload on its way into the store: what is written to it is compressed, encrypted, summed and uploaded.
type object struct {
	*stream.Writer
	store  store.Store
	key    string // whole
	name   string // beneath the backup's directory
	kind   backup.Kind
	upload store.Upload
	sum    hash.Hash32
}

// begin starts an object. name gets the endings of what is done to it.
func (r *run) begin(ctx context.Context, name string, kind backup.Kind, expect int64) (*object, error) {
	name += ".zst"
	if !r.o.Recipients.Empty() {
		name += ".age"
	}
	o := &object{
		store: r.o.Store, name: name, key: backup.Dir(r.o.Source, r.o.ID) + "/" + name, kind: kind,
		sum: crc32.New(crc32.MakeTable(crc32.Castagnoli)),
	}
	var err error
	if o.upload, err = r.o.Store.Begin(ctx, o.key, store.PutOpt{Expect: expect, ContentType: "application/octet-stream"}); err != nil {
		return nil, err
	}
	out := io.Writer(o.upload)
	if r.o.Limits.Rate > 0 {
		out = &slow{ctx: ctx, to: out, by: rate.NewLimiter(rate.Limit(r.o.Limits.Rate), max(r.o.Limits.Rate/4, 1))}
	}
	o.Writer, err = stream.NewWriter(io.MultiWriter(out, o.sum), stream.Options{Level: r.o.Level, Recipients: r.o.Recipients})
	if err != nil {
		o.abort(ctx, err)
		return nil, err
	}
	return o, nil
}

// slow keeps to a rate.
type slow struct {
	ctx context.Context // of the upload, and no longer
	to  io.Writer
	by  *rate.Limiter
}

func (s *slow) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := min(len(p)-done, s.by.Burst())
		if err := s.by.WaitN(s.ctx, n); err != nil {
			return done, err
		}
		w, err := s.to.Write(p[done : done+n])
		done += w
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// commit ends the object, makes it visible, and looks whether the store has what was sent. written gets its key where it may
// be there.
func (o *object) commit(ctx context.Context, written *[]string) (backup.Payload, error) {
	if err := o.Close(); err != nil {
		return backup.Payload{}, err
	}
	p, err := o.Payload(o.name, o.kind)
	if err != nil {
		return backup.Payload{}, err
	}
	sent, err := o.upload.Commit(ctx)
	if !errors.Is(err, store.ErrExists) { // else it is another's
		*written = append(*written, o.key)
	}
	if err != nil {
		return backup.Payload{}, err
	}
	sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, o.sum.Sum32()))
	there, err := o.store.Stat(ctx, o.key)
	if err != nil {
		return backup.Payload{}, fmt.Errorf("looking whether the store has it: %w", err)
	}
	for _, i := range []store.Info{sent, there} {
		if i.Size != p.Stored.Bytes || i.CRC32C != "" && i.CRC32C != sum {
			return backup.Payload{}, fmt.Errorf("%s: %w: the store has %d bytes (CRC32C %s), sent were %d (%s)", o.name, store.ErrCorrupt, i.Size, i.CRC32C, p.Stored.Bytes, sum)
		}
	}
	p.Stored.CRC32C, p.Stored.Part, p.Stored.Parts = sum, sent.PartSize, sent.Parts
	return p, nil
}

// abort gives it up. What Commit made visible is not its concern. The upload's context has ended by then, so that a Write
// that is under way returns.
func (o *object) abort(ctx context.Context, why error) {
	if o.Writer != nil {
		o.Fail(why)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	_ = o.upload.Abort(ctx) // what it can not remove, Sweep will
}
