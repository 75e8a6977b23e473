package dockerfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const phoenix = `# syntax=docker/dockerfile:1
ARG ELIXIR_VERSION=1.18.3
ARG OTP_VERSION=27.3.3
ARG DEBIAN_VERSION=bookworm-20250407-slim

ARG BUILDER_IMAGE="hexpm/elixir:${ELIXIR_VERSION}-erlang-${OTP_VERSION}-debian-${DEBIAN_VERSION}"
ARG RUNNER_IMAGE="debian:${DEBIAN_VERSION}"

FROM ${BUILDER_IMAGE} AS Builder
RUN apt-get update -y && \
    # a comment in between
    apt-get install -y git \

    && apt-get clean
RUN mix release

FROM ${RUNNER_IMAGE}
ENV LANG en_US.UTF-8
ENV A=1 B="two words" C=$A-x
ENV PATH="/app/bin:$PATH"
LABEL org.example.name="a b" other=$B
WORKDIR "/app"
COPY --from=builder --chown=nobody:root /app/_build/prod/rel/shop ./
COPY entrypoint.sh /usr/local/bin/
RUN <<EOF
set -e
CMD not an instruction
EOF
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["/app/bin/server"]
`

func TestAnImageIsWhatItsStagesComeTo(t *testing.T) {
	f := Parse([]byte(phoenix))
	if len(f.Notes) > 0 {
		t.Errorf("notes: %v", f.Notes)
	}
	var from []string
	for _, s := range f.Stages {
		from = append(from, s.Name+" "+s.From)
	}
	want := []string{"builder hexpm/elixir:1.18.3-erlang-27.3.3-debian-bookworm-20250407-slim", " debian:bookworm-20250407-slim"}
	if diff := cmp.Diff(want, from); diff != "" {
		t.Error(diff)
	}
	img := f.Image("", nil)
	env := map[string]string{}
	for k, v := range img.Env {
		env[k] = v.Text
	}
	if diff := cmp.Diff(map[string]string{"LANG": "en_US.UTF-8", "A": "1", "B": "two words", "C": "-x", "PATH": "/app/bin:"}, env); diff != "" {
		t.Error(diff)
	}
	if got := img.Entrypoint.String() + " " + img.Cmd.String(); got != "/usr/bin/tini -- /app/bin/server" || img.Cmd.Line != 30 {
		t.Errorf("runs %q, line %d", got, img.Cmd.Line)
	}
	if img.Labels["other"].Text != "two words" || img.Labels["org.example.name"].Text != "a b" {
		t.Errorf("labels: %v", img.Labels)
	}
	if diff := cmp.Diff([]Copy{{Line: 24, Sources: []string{"entrypoint.sh"}, Dest: "/usr/local/bin/"}}, img.Copies()); diff != "" {
		t.Error(diff)
	}
	runs := f.Runs()
	if !strings.Contains(runs[0].Text, "install -y git && apt-get clean") || runs[2].Heredocs[0].Text != "set -e\nCMD not an instruction" {
		t.Errorf("runs: %+v", runs)
	}
	if got := f.Image("builder", map[string]string{"X": "1"}).Base; got != from[0][len("builder "):] {
		t.Errorf("base of the builder: %s", got)
	}
}

func TestCommandsAreInherited(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"of the base", "FROM a AS base\nCMD [\"x\"]\nFROM base\n", "| x"},
		{"an entry point takes the base's command away", "FROM a AS base\nCMD [\"x\"]\nFROM base\nENTRYPOINT [\"e\"]\n", "e |"},
		{"but not one of its own", "FROM a AS base\nCMD [\"x\"]\nFROM base\nCMD [\"y\"]\nENTRYPOINT [\"e\"]\n", "e | y"},
		{"the last counts", "FROM a\nCMD one\nCMD two words\n", "| two words"},
		{"by number", "FROM a\nCMD x\nFROM 0\n", "| x"},
		{"broken JSON is a shell's", "FROM a\nCMD ['x']\n", "| ['x']"},
		{"lower case, tabs, CRLF", "from\ta\r\ncmd\t[\"x\"]\r\n", "| x"},
		{"the other escape", "# escape=`\nFROM a\nCMD x `\n y\n", "| x y"},
		{"a word with a space", "FROM a\nCMD [\"sh\", \"-c\", \"a b\"]\n", `| sh -c "a b"`},
		{"nothing", "", "|"},
	} {
		img := Parse([]byte(tc.text)).Image("", nil)
		if got := strings.TrimSpace(img.Entrypoint.String() + " | " + img.Cmd.String()); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
	if img := Parse([]byte("FROM a\nCMD x\n")).Image("none", nil); img.Base != "" {
		t.Errorf("a stage that is not there: %+v", img)
	}
}

func TestArgumentsCountWhereTheyAreDeclared(t *testing.T) {
	text := "ARG V=1\nFROM a:$V\nENV X=$V\nARG V\nENV Y=$V\nARG W=w\nENV Z=${W}-${Q:-q}-${V:+set}-${Q:+set}-\\$V-${V\nARG Y=other\nENV Y2=$Y\n"
	got := map[string]string{}
	for k, v := range Parse([]byte(text)).Image("", map[string]string{"W": "given"}).Env {
		got[k] = v.Text
	}
	want := map[string]string{"X": "", "Y": "1", "Z": "given-q-set--$V-${V", "Y2": "1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	f := Parse([]byte("ARG V=1\nFROM a:$V\nNOTHING x\nRUN y\n"))
	if diff := cmp.Diff([]Note{{3, "no instruction: NOTHING"}}, f.Notes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Note{{1, "RUN before the first FROM"}, {2, "FROM without an image, or one too many"}}, Parse([]byte("RUN x\nFROM\n")).Notes); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(phoenix))
	f.Add([]byte("# escape=`\nFROM a AS b\nRUN <<-'X' cat <<Y\n\tx\n\tX\nY\nCOPY <<EOF /x\nEOF\nFROM b\nENV A=${A:-${B:+\"}}"))
	f.Add([]byte("FROM a AS a\nFROM a AS a\nFROM a"))
	f.Add([]byte("\xef\xbb\xbfARG X=\\\nFROM $X\nHEALTHCHECK --interval=5s CMD x"))
	f.Fuzz(func(t *testing.T, src []byte) {
		file := Parse(src)
		lines := strings.Count(string(src), "\n") + 1
		for _, s := range file.Stages {
			for _, i := range s.Instructions {
				if i.Line < s.Line || i.Line > lines || !known[i.Name] {
					t.Fatalf("%+v of a file with %d lines", i, lines)
				}
			}
			img := file.Image(s.Name, map[string]string{"X": "$X"})
			if len(img.Stages) == 0 {
				t.Fatalf("stage %q is not found", s.Name)
			}
			if !slices.IsSortedFunc(img.Stages, func(a, b *Stage) int { return a.Line - b.Line }) {
				t.Fatal("stages are not in order")
			}
			img.Copies()
		}
	})
}
