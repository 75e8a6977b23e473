package deploy

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Two states are alike when the same can follow from both, and be judged the same. A form writes a state down so that those
// that are alike give the same bytes. Every field of everything that is reached is in it, but for what alike_test.go takes
// out or makes equal, each with its reason: a field that is added later is in it until somebody says otherwise.
//
// Times count from now. One of which is only asked for how long it has been so is made no older than the longest that is
// asked for.
type form struct {
	b   []byte
	w   *world
	s   *State
	o   *Observed
	t   *Timings
	now time.Time

	writers map[reflect.Type]writer
	normals map[reflect.Type]func(*form, unsafe.Pointer) unsafe.Pointer

	broken bool          // an engine without one of its rules: it asks for more
	exact  bool          // leases count to the nanosecond
	aged   time.Duration // age of the oldest lease that was taken for young
	seen   time.Duration // age of the latest look
	streak time.Duration // age of the oldest look that a streak still knows
}

// hash identifies what was written.
type hash [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// of writes the state of an execution that is between two steps.
func (f *form) of(p *path, exact bool) hash {
	f.w, f.s, f.o, f.t, f.now, f.exact = p.w, p.s, p.g.o, &p.s.Plan.Timings, p.w.now, exact
	f.broken = p.off != 0
	f.b, f.aged, f.seen = f.b[:0], 0, 0
	if !f.o.At.IsZero() {
		f.seen = f.now.Sub(f.o.At)
	}
	f.streak = f.oldest()
	f.walk(reflect.ValueOf(f.s).Elem())
	f.walk(reflect.ValueOf(f.o).Elem())
	f.walk(reflect.ValueOf(f.w).Elem())
	f.walk(reflect.ValueOf(&p.asked).Elem())
	nonces := maps.Clone(p.nonces)
	for id, n := range nonces {
		nonces[id] = f.nonce(n)
	}
	f.walk(reflect.ValueOf(&nonces).Elem())
	if p.w.c.budget > 0 {
		// What a look would show that is out of date matters only where there can still be one.
		f.walk(reflect.ValueOf(&f.w.last).Elem())
		f.b = append(f.b, 'b')
	}
	if exact {
		f.b = append(f.b, 'x')
	}
	return hash{maphash.Bytes(seeds[0], f.b), maphash.Bytes(seeds[1], f.b)}
}

// writer writes the value of its type at a place in memory: reading by reflection what nobody exports takes too long.
type writer func(f *form, p unsafe.Pointer)

func (f *form) walk(v reflect.Value) { f.writer(v.Type())(f, v.Addr().UnsafePointer()) }

func (f *form) writer(t reflect.Type) writer {
	w, ok := f.writers[t]
	if !ok {
		var later writer
		f.writers[t] = func(f *form, p unsafe.Pointer) { later(f, p) } // a type may hold itself
		later = f.compile(t)
		w = later
		f.writers[t] = w
	}
	return w
}

func (f *form) compile(t reflect.Type) writer {
	switch t.Kind() {
	case reflect.Bool, reflect.Uint8:
		return func(f *form, p unsafe.Pointer) { f.b = append(f.b, *(*byte)(p)) }
	case reflect.Int, reflect.Int64:
		return func(f *form, p unsafe.Pointer) { f.int(*(*int64)(p)) }
	case reflect.Float64:
		return func(f *form, p unsafe.Pointer) { f.int(int64(math.Float64bits(*(*float64)(p)))) }
	case reflect.String:
		return func(f *form, p unsafe.Pointer) {
			s := *(*string)(p)
			f.int(int64(len(s)))
			f.b = append(f.b, s...)
		}
	case reflect.Pointer:
		w := f.writer(t.Elem())
		return func(f *form, p unsafe.Pointer) {
			p = *(*unsafe.Pointer)(p)
			if p == nil {
				f.b = append(f.b, 0)
				return
			}
			f.b = append(f.b, 1)
			w(f, p)
		}
	case reflect.Slice:
		w, size := f.writer(t.Elem()), t.Elem().Size()
		return func(f *form, p unsafe.Pointer) {
			s := *(*[]byte)(p) // of whatever: its length counts elements
			f.int(int64(len(s)))
			for i := range len(s) {
				w(f, unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), uintptr(i)*size))
			}
		}
	case reflect.Array:
		w, size, n := f.writer(t.Elem()), t.Elem().Size(), t.Len()
		return func(f *form, p unsafe.Pointer) {
			for i := range n {
				w(f, unsafe.Add(p, uintptr(i)*size))
			}
		}
	case reflect.Map:
		w := f.writer(t.Elem())
		return func(f *form, p unsafe.Pointer) {
			m := reflect.NewAt(t, p).Elem()
			keys := m.MapKeys()
			slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
			f.int(int64(len(keys)))
			x := reflect.New(t.Elem())
			for _, k := range keys {
				f.b = append(f.b, k.String()...)
				f.b = append(f.b, 0)
				x.Elem().Set(m.MapIndex(k))
				w(f, x.UnsafePointer())
			}
		}
	case reflect.Struct:
		return f.record(t)
	}
	return func(*form, unsafe.Pointer) {
		panic(fmt.Sprintf("a %s cannot be written down: say in alike_test.go what of it matters", t))
	}
}

var zeros [4096]byte

func (f *form) record(t reflect.Type) writer {
	if t == reflect.TypeFor[time.Time]() {
		return func(f *form, p unsafe.Pointer) {
			at := (*time.Time)(p)
			if at.IsZero() {
				f.b = append(f.b, 0)
				return
			}
			f.b = append(f.b, 1)
			f.int(int64(at.Sub(f.now)))
		}
	}
	type field struct {
		off uintptr
		w   writer
	}
	var ff []field
	for x := range t.Fields() {
		ff = append(ff, field{x.Offset, f.writer(x.Type)})
	}
	normal, size := f.normals[t], t.Size()
	return func(f *form, p unsafe.Pointer) {
		if size <= uintptr(len(zeros)) && bytes.Equal(unsafe.Slice((*byte)(p), size), zeros[:size]) {
			f.b = append(f.b, 0)
			return
		}
		f.b = append(f.b, 1)
		if normal != nil {
			p = normal(f, p)
		}
		for _, x := range ff {
			x.w(f, unsafe.Add(p, x.off))
		}
	}
}

func (f *form) int(n int64) {
	if n >= 0 && n < 255 {
		f.b = append(f.b, byte(n))
		return
	}
	f.b = append(f.b, 255, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
}

// normal makes what is written of a type equal where it is alike. It gets a copy.
func normal[T any](f *form, fn func(*form, *T)) {
	x := new(T)
	f.normals[reflect.TypeFor[T]()] = func(f *form, p unsafe.Pointer) unsafe.Pointer {
		*x = *(*T)(p)
		fn(f, x)
		return unsafe.Pointer(x)
	}
}

func newForm() *form {
	f := &form{writers: map[reflect.Type]writer{}, normals: map[reflect.Type]func(*form, unsafe.Pointer) unsafe.Pointer{}}
	normal(f, (*form).state)
	normal(f, (*form).unit)
	normal(f, (*form).observed)
	normal(f, (*form).lease)
	normal(f, (*form).streaks)
	normal(f, (*form).track)
	normal(f, (*form).machine)
	normal(f, (*form).release)
	normal(f, (*form).intent)
	normal(f, (*form).world)
	normal(f, (*form).fmachine)
	normal(f, (*form).frun)
	return f
}
