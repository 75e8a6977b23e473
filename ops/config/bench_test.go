package config

import "testing"

// BenchmarkLoad is a part of the time until the first frame.
func BenchmarkLoad(b *testing.B) {
	env := map[string]string{"HOME": b.TempDir()}
	dir := b.TempDir()
	for b.Loop() {
		if _, err := Load(Options{Name: "changelog", Dir: dir, Env: func(k string) string { return env[k] }}); err != nil {
			b.Fatal(err)
		}
	}
}
