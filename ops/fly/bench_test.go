package fly

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecodeMachines is what a list of 1,000 machines costs on every reading.
func BenchmarkDecodeMachines(b *testing.B) {
	var list strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&list, `,{"id":"%014x","name":"n","state":"started","region":"iad","instance_id":"01","private_ip":"fdaa::1","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z","host_status":"ok",`+
			`"config":{"image":"i","env":{"A":"b"},"guest":{"cpu_kind":"shared","cpus":1,"memory_mb":256},"services":[{"protocol":"tcp","internal_port":4000,"ports":[{"port":443,"handlers":["tls","http"]}],"checks":[{"type":"http","interval":"15s","path":"/health"}]}],"metadata":{"fly_process_group":"app"}},`+
			`"events":[{"id":"e","type":"start","timestamp":1700000000000}],"checks":[{"name":"servicecheck-00-http-4000","status":"passing","output":"ok","updated_at":"2026-01-01T00:00:00Z"}]}`, i)
	}
	data := []byte("[" + list.String()[1:] + "]")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var mm []Machine
		if err := json.Unmarshal(data, &mm); err != nil || len(mm) != 1000 || mm[0].Undecoded != "" {
			b.Fatal(err)
		}
	}
}
