// Package flytoml reads fly.toml, the file that says how an application is deployed, in the forms that the platform's
// own client accepts, the old ones included. It never writes one, and never judges what it says.
package flytoml

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"ops-console/ops/config/tomlfile"
)

// Name is how the file is called.
const Name = "fly.toml"

// File is a fly.toml.
type File struct {
	Path           string
	App            string
	PrimaryRegion  string
	KillSignal     string        // empty: SIGINT
	KillTimeout    time.Duration // 0: 5 s
	SwapSizeMB     int
	ConsoleCommand string
	HostDedication string
	Build          Build
	Deploy         Deploy
	Env            map[string]string
	Processes      map[string]string // group to command; empty: the one group app
	Mounts         []Mount
	HTTPService    *Service
	Services       []Service
	Checks         map[string]Check // top-level: they do not take part in routing
	VMs            []VM
	Restarts       []Restart
	Metrics        []Metrics
	Statics        []Static
	Files          []FileEntry
	Experimental   Experimental

	Unknown []Unknown      // keys that are not known here, in the order of the file
	Lines   map[string]int // line of each key, by its dotted name
}

// Unknown is a key that this package does not know. The platform may.
type Unknown struct {
	Key  string
	Line int
}

// Build says how the image is made.
type Build struct {
	Builder, Image, Dockerfile, Ignorefile, Target, Builtin, Compression string

	Buildpacks []string
	Args       map[string]string
}

// Deploy says how a release goes out.
type Deploy struct {
	Strategy              string
	MaxUnavailable        float64 // a share where below 1, else a number of machines; 0: not said
	WaitTimeout           time.Duration
	ReleaseCommand        string
	ReleaseCommandTimeout time.Duration
	SeedCommand           string
	ReleaseCommandVM      *VM
}

// Mount is a volume.
type Mount struct {
	Source, Destination string
	InitialSize         string
	SnapshotRetention   int
	Processes           []string
}

// Service is a [http_service] or an element of [[services]].
type Service struct {
	Line         int
	HTTP         bool // it is the http_service
	Protocol     string
	InternalPort int
	ForceHTTPS   bool
	AutoStop     string // off, stop or suspend; empty: not said
	AutoStart    *bool
	MinMachines  int
	Processes    []string
	Ports        []Port
	Concurrency  Concurrency
	TCPChecks    []Check
	HTTPChecks   []Check
}

// Port is an outside port, or a range of them.
type Port struct {
	Port, Start, End int
	Handlers         []string
	ForceHTTPS       bool
}

// Concurrency is when a machine has enough to do.
type Concurrency struct {
	Type       string
	Soft, Hard int
}

// Check is a health check.
type Check struct {
	Line          int
	Type          string // http or tcp
	Port          int    // only top-level ones have their own
	Interval      time.Duration
	Timeout       time.Duration
	GracePeriod   time.Duration
	Method        string
	Path          string
	Protocol      string
	TLSSkipVerify bool
	Headers       map[string]string
	Processes     []string
}

// VM is a machine size.
type VM struct {
	Size, Memory, CPUKind, GPUKind string
	CPUs                           int
	Processes                      []string
}

// Restart is what happens when a machine's process ends: always, never, on-failure.
type Restart struct {
	Policy    string
	Retries   int
	Processes []string
}

// Metrics is where the platform scrapes.
type Metrics struct {
	Port      int
	Path      string
	Processes []string
}

// Static is a path the platform's proxy serves from the image.
type Static struct{ GuestPath, URLPrefix string }

// FileEntry is a file that is put into the machine. What is in it is not read: it may be secret.
type FileEntry struct {
	GuestPath, SecretName, LocalPath string
	Processes                        []string
}

// Experimental holds what never became a section of its own.
type Experimental struct {
	Cmd, Entrypoint, Exec []string
	AutoRollback          bool // the platform's client ignores it
}

// Load reads path. The error of a file that is not there is fs.ErrNotExist.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", Name, err)
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: %s is not a regular file", Name, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, tomlfile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", Name, err)
	}
	return Parse(path, b)
}

// Parse reads data. Errors name path, line, column and key; there may be several, joined.
func Parse(path string, data []byte) (*File, error) {
	root, err := tomlfile.Parse(path, data)
	if err != nil {
		return nil, err
	}
	r := &reader{file: path}
	f := &File{Path: path, Lines: map[string]int{}}
	r.top(f, table{r, root})
	slices.SortStableFunc(r.unknown, func(a, b Unknown) int { return cmp.Compare(a.Line, b.Line) })
	f.Unknown = r.unknown
	note(f.Lines, root)
	return f, errors.Join(r.errs...)
}

func note(lines map[string]int, v *tomlfile.Value) {
	if v.Key != "" {
		lines[v.Key] = v.Line
	}
	if v.Table != nil {
		for _, n := range v.Table.Names {
			note(lines, v.Table.Values[n])
		}
	}
	for _, e := range v.Array {
		note(lines, e)
	}
}

// DefaultGroup is the process group of a file that names none.
const DefaultGroup = "app"

// HTTPPort is the inside port of the HTTP service: of [http_service], else of the first service that has an HTTP
// check or an http or tls handler. 0: there is none.
func (f *File) HTTPPort() int {
	if s := f.http(); s != nil {
		return s.InternalPort
	}
	return 0
}

// CheckPath is the path of the first HTTP check of the HTTP service, else of the first top-level one on its port.
// Empty: there is none.
func (f *File) CheckPath() string {
	s := f.http()
	if s == nil {
		return ""
	}
	for _, c := range s.HTTPChecks {
		if c.Path != "" {
			return c.Path
		}
	}
	path, line := "", 0
	for _, c := range f.Checks {
		if c.Type == "http" && c.Port == s.InternalPort && c.Path != "" && (line == 0 || c.Line < line) {
			path, line = c.Path, c.Line
		}
	}
	return path
}

func (f *File) http() *Service {
	if f.HTTPService != nil {
		return f.HTTPService
	}
	for i, s := range f.Services {
		if len(s.HTTPChecks) > 0 {
			return &f.Services[i]
		}
	}
	for i, s := range f.Services {
		for _, p := range s.Ports {
			for _, h := range p.Handlers {
				if h == "http" || h == "tls" {
					return &f.Services[i]
				}
			}
		}
	}
	return nil
}
