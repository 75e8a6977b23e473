// Package pgcluster runs real PostgreSQL clusters for tests and for the simulated world: a primary and streaming replicas,
// cascading ones too, in a temporary directory, as a non-root user, with faults to switch on. A cluster never outlives
// the process that started it. It is for throw-away data: fsync is off.
//
// Servers listen on unix sockets only, each in a directory that nobody else may enter, and replicas reach their upstreams
// through links inside this process, which can be slow, cut or silent. PostgreSQL 12 and later can be run; what a version
// cannot do is an error that says so.
package pgcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrClosed says that the cluster was closed.
var ErrClosed = errors.New("the cluster is closed")

// patience bounds every single step of starting, stopping and changing servers, for callers whose context does not.
const patience = 60 * time.Second

// Options of Start. The zero value is a primary alone.
type Options struct {
	Binaries Binaries // zero: the first that Find gives
	// Dir is where the cluster's own directory is made. Empty: $TMPDIR, else in memory where there is room, which is ten
	// times as fast, else the system's temporary directory.
	Dir      string
	Replicas []Replica         // upstreams before those that stream from them
	Settings map[string]string // of every server
	HBA      []string          // lines before the default, which trusts local connections

	// From is a base backup, or the directory of a server that was stopped, to start the primary from instead of a new
	// cluster. It has the same system identifier, and goes on on the same timeline.
	From string
	// NewTimeline makes the primary that starts From a backup begin a timeline of its own, as a restore from an archive
	// does.
	NewTimeline bool
}

// Replica is a standby to be started.
type Replica struct {
	Name     string
	Upstream string            // empty: the primary
	Delay    time.Duration     // one way, of the link to its upstream
	Slot     string            // empty: none; made on the upstream before the replica starts
	Settings map[string]string // beside those of Options, over which they win
	Skew     time.Duration     // its clock is ahead by so many whole seconds (needs datefudge)
}

// Cluster is running servers. All methods are safe for concurrent use.
type Cluster struct {
	bin      Binaries
	account  account
	root     string // ours, and removed by Close
	sockets  string // the same, or a shorter one
	options  Options
	spawner  *spawner
	guard    *guard
	ctx      context.Context // ends with Close, and ends whatever is going on
	cancel   context.CancelFunc
	closing  sync.Once
	closeErr error

	mu    sync.Mutex // guards nodes
	nodes []*Node
}

// Start makes a cluster and returns once every server takes connections and every replica streams. Delays of links begin
// then. What was started is ended when it fails.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c, err := newCluster(o)
	if err != nil {
		return nil, err
	}
	ctx, done := c.bound(ctx)
	defer done()
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func newCluster(o Options) (*Cluster, error) {
	if o.Binaries.Dir == "" {
		all, err := Find()
		if err != nil {
			return nil, err
		}
		o.Binaries = all[0]
	} else if o.Binaries.Version == 0 {
		major, _, err := version(o.Binaries.Dir)
		if err != nil {
			return nil, fmt.Errorf("PostgreSQL in %s: %w", o.Binaries.Dir, err)
		}
		o.Binaries.Version = major
	}
	if o.Binaries.Version < 12 {
		return nil, fmt.Errorf("PostgreSQL in %s is version %d: 12 or later is needed", o.Binaries.Dir, o.Binaries.Version)
	}
	a, err := serverAccount()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: o.Binaries, account: a, options: o}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err := c.makeDirs(o.Dir); err != nil {
		c.cancel()
		return nil, errors.Join(err, c.removeDirs())
	}
	c.spawner = newSpawner()
	c.guard, err = newGuard(c.dirs())
	if err != nil {
		c.cancel()
		c.spawner.close()
		return nil, errors.Join(err, c.removeDirs())
	}
	return c, nil
}

// longestSocket is what fits into the address of a unix socket everywhere: 104 bytes with the final zero on the BSDs.
const longestSocket = 103

func (c *Cluster) makeDirs(parent string) error {
	if parent == "" {
		parent = temporary()
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return err
	}
	for _, dir := range []string{parent, c.bin.Dir} {
		if err := c.account.enter(dir); err != nil {
			return err
		}
	}
	if c.root, err = c.makeDir(parent); err != nil {
		return err
	}
	c.sockets = c.root
	if len(filepath.Join(c.root, "l999-99", socketName(65535))) > longestSocket {
		if c.sockets, err = c.makeDir("/tmp"); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) makeDir(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, "ops-pg-")
	if err != nil {
		return "", fmt.Errorf("a directory for the cluster: %w", err)
	}
	return dir, c.account.own(dir)
}

func (c *Cluster) dirs() []string {
	if c.sockets == c.root || c.sockets == "" {
		return []string{c.root}
	}
	return []string{c.root, c.sockets}
}

func (c *Cluster) removeDirs() error {
	var errs []error
	for _, d := range c.dirs() {
		if d != "" {
			errs = append(errs, os.RemoveAll(d))
		}
	}
	return errors.Join(errs...)
}

// bound is a context that ends with the cluster, and some time.
func (c *Cluster) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	stop := context.AfterFunc(c.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

func (c *Cluster) start(ctx context.Context) error {
	primary, err := c.add(Replica{Name: "primary"}, nil)
	if err != nil {
		return err
	}
	for _, r := range c.options.Replicas {
		upstream, err := c.upstream(r)
		if err != nil {
			return err
		}
		if _, err := c.add(r, upstream); err != nil {
			return err
		}
	}
	fill, err := c.filler(ctx)
	if err != nil {
		return err
	}
	// A server that fails ends the wait for the others.
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range c.Nodes() {
		group.Go(func() error {
			if err := fill(ctx, n); err != nil {
				return fmt.Errorf("files of %s: %w", n.name, err)
			}
			if n != primary {
				select {
				case <-n.upstreamNode().up:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			n.op.Lock()
			defer n.op.Unlock()
			if err := n.bringUp(ctx); err != nil {
				return err
			}
			close(n.up)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, n := range c.Nodes() {
		n.Delay(n.replica.Delay)
	}
	return nil
}

// filler gives what makes the files of a node at start.
func (c *Cluster) filler(ctx context.Context) (func(context.Context, *Node) error, error) {
	if c.options.From != "" {
		return func(ctx context.Context, n *Node) error {
			return copyTree(ctx, c.account, c.options.From, n.data, keepOfBackup)
		}, nil
	}
	archive, err := c.template(ctx)
	if err != nil {
		return nil, err
	}
	id, err := newIdentity(time.Now())
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, n *Node) error {
		if err := unpack(ctx, c.account, archive, n.data); err != nil {
			return err
		}
		return identify(c.account, n.data, id)
	}, nil
}

func (c *Cluster) upstream(r Replica) (*Node, error) {
	if r.Upstream == "" {
		return c.Primary(), nil
	}
	if n := c.Node(r.Upstream); n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("replica %s: there is no upstream %q before it", r.Name, r.Upstream)
}

// add registers a node, which has no files yet.
func (c *Cluster) add(r Replica, upstream *Node) (*Node, error) {
	env, err := skewed(r.Skew)
	if err != nil {
		return nil, fmt.Errorf("replica %s: %w", r.Name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if !nodeName.MatchString(r.Name) {
		return nil, fmt.Errorf("the name %q of a replica: 1 to 63 visible characters of ASCII are wanted", r.Name)
	}
	for _, n := range c.nodes {
		if n.name == r.Name {
			return nil, fmt.Errorf("two nodes called %q", r.Name)
		}
	}
	i := len(c.nodes)
	n := &Node{
		cluster: c, name: r.Name, replica: r, env: env, up: make(chan struct{}),
		index: i, data: filepath.Join(c.root, fmt.Sprintf("d%d", i)), sockets: filepath.Join(c.sockets, fmt.Sprintf("s%d", i)),
		upstream: upstream,
	}
	if n.port, err = n.portSetting(); err != nil {
		return nil, err
	}
	if err := c.account.mkdir(n.sockets); err != nil {
		return nil, err
	}
	if upstream != nil {
		if err := n.connect(upstream, 0); err != nil {
			return nil, err
		}
	}
	c.nodes = append(c.nodes, n)
	return n, nil
}

func (c *Cluster) forget(n *Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, m := range c.nodes {
		if m == n {
			c.nodes = append(c.nodes[:i:i], c.nodes[i+1:]...)
		}
	}
}

// nodeName is what PostgreSQL shows of an application's name as it is.
var nodeName = regexp.MustCompile(`^[!-~]{1,63}$`)

// Dir is a directory for what belongs to the cluster and shall go with it, also when this process is killed. Its path is short
// enough for sockets, and nobody else may enter it.
func (c *Cluster) Dir() string { return c.sockets }

// Primary is the node that was started as one.
func (c *Cluster) Primary() *Node { return c.Node("primary") }

// Node by name; the first primary is called "primary". nil: there is none.
func (c *Cluster) Node(name string) *Node {
	for _, n := range c.Nodes() {
		if n.name == name {
			return n
		}
	}
	return nil
}

// Nodes is all of them, in the order in which they were started.
func (c *Cluster) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Node(nil), c.nodes...)
}

// Close ends every server, frozen ones too, and removes what Start made. It is idempotent.
func (c *Cluster) Close() error {
	c.closing.Do(func() {
		c.mu.Lock()
		c.cancel()
		c.mu.Unlock()
		var wg sync.WaitGroup
		for _, n := range c.Nodes() {
			wg.Go(n.close)
		}
		wg.Wait()
		c.spawner.close()
		c.guard.close()
		c.closeErr = c.removeDirs()
	})
	return c.closeErr
}
