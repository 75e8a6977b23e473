// Package phoenix holds small trees of our own writing, shaped like what four versions of Phoenix generate: what the
// simulated world compares.
package phoenix

import "embed"

//go:embed all:1.5.8 all:1.6.16 all:1.7.14 all:1.8.8
var trees embed.FS

// Trees are the generated trees, as VERSION/FLAGS/FILES.
func Trees() embed.FS { return trees }
