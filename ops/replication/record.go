package replication

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"ops-console/ops/postgres"
)

// entry is one thing that a Tracker is told or asked, and one line of a recording.
type entry struct {
	At       time.Time         `json:"at"`
	Key      string            `json:"node,omitempty"` // of the node that the rest is about
	Reading  *Reading          `json:"reading,omitempty"`
	Failure  *postgres.Failure `json:"failure,omitempty"`
	Sample   *Sample           `json:"sample,omitempty"`
	Nodes    *nodeList         `json:"nodes,omitempty"`
	Regions  *[]string         `json:"regions,omitempty"`  // where instances run
	Snapshot bool              `json:"snapshot,omitempty"` // one was made
	Once     bool              `json:"once,omitempty"`     // Settings.Once
	Notes    []string          `json:"notes,omitempty"`    // of the Watcher, at the end of the snapshot's own
}

// apply tells t, and gives the snapshot where one is made.
func (e *entry) apply(t *Tracker) *Snapshot {
	switch {
	case e.Nodes != nil:
		t.Nodes(*e.Nodes, e.At)
	case e.Regions != nil:
		t.AppRegions(*e.Regions)
	case e.Reading != nil:
		t.Add(e.Key, e.Reading)
	case e.Failure != nil:
		t.Fail(e.Key, e.Failure, e.At)
	case e.Sample != nil:
		t.Sample(e.Key, *e.Sample)
	case e.Once:
		t.once()
	case e.Snapshot:
		s := t.Snapshot(e.At)
		s.Notes = append(s.Notes, e.Notes...)
		return s
	}
	return nil
}

// nodeList is nodes without their configuration, which has passwords, where they are written down.
type nodeList []postgres.Node

// recordedNode is what a recording has of a node.
type recordedNode struct {
	Name   string        `json:"name"`
	Region string        `json:"region,omitempty"`
	Host   string        `json:"host"`
	Port   uint16        `json:"port"`
	Expect postgres.Role `json:"expect,omitempty"`
	From   string        `json:"from,omitempty"`
	Direct bool          `json:"direct,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (l nodeList) MarshalJSON() ([]byte, error) {
	nn := make([]recordedNode, 0, len(l))
	for _, n := range l {
		nn = append(nn, recordedNode{n.Name, n.Region, n.Host, n.Port, n.Expect, n.From, n.Direct})
	}
	return json.Marshal(nn)
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *nodeList) UnmarshalJSON(b []byte) error {
	var nn []recordedNode
	if err := json.Unmarshal(b, &nn); err != nil {
		return err
	}
	*l = nil
	for _, n := range nn {
		*l = append(*l, postgres.Node{Name: n.Name, Region: n.Region, Host: n.Host, Port: n.Port, Expect: n.Expect, From: n.From, Direct: n.Direct})
	}
	return nil
}

// record writes e as a line of JSON. The cause of a failure is left out: what it holds is not known.
func (e entry) record(w io.Writer) error {
	if e.Failure != nil {
		f := *e.Failure
		f.Err = nil
		e.Failure = &f
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// longestLine bounds what Replay keeps of a recording at a time.
const longestLine = 64 << 20

// Replay gives the snapshots of a recording (Options.Record) again, made from its readings with these settings. It ends
// at the first error: a line that is no part of a recording. A last line that was cut off is passed over.
func Replay(r io.Reader, s Settings) iter.Seq2[*Snapshot, error] {
	return func(yield func(*Snapshot, error) bool) {
		t := NewTracker(s)
		lines := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			line, whole, err := readLine(lines)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("read line %d of the recording: %w", n, err))
				return
			}
			var e entry
			if err := json.Unmarshal(line, &e); err != nil {
				if whole {
					yield(nil, fmt.Errorf("line %d of the recording: %w; is it one of ops-console replication?", n, err))
				}
				return
			}
			if snapshot := e.apply(t); snapshot != nil && !yield(snapshot, nil) {
				return
			}
		}
	}
}

// readLine gives the next line, and whether it ends as one.
func readLine(r *bufio.Reader) (line []byte, whole bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, true, nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, false, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		case len(line) > longestLine:
			return nil, false, errors.New("the line is too long")
		}
	}
}
