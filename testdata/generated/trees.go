// Package generated holds small trees of our own writing, shaped like what mix phx.gen.auth and mix phx.gen.release make in
// two versions of Phoenix: what the simulated world compares beside projects.
package generated

import "embed"

//go:embed all:auth all:release
var trees embed.FS

// Trees are the generated trees, as AXIS/VERSION/FLAGS/FILES.
func Trees() embed.FS { return trees }
