package logs

import "strings"

// levels is what platforms and loggers call them.
var levels = map[string]Level{
	"debug": Debug, "trace": Debug,
	"info": Info, "notice": Info, "information": Info,
	"warn": Warn, "warning": Warn,
	"error": Error, "err": Error, "fatal": Error, "critical": Error, "crit": Error, "alert": Error, "emergency": Error, "emerg": Error,
	"panic": Error,
}

func levelNamed(s string) Level {
	if l, ok := levels[s]; ok {
		return l
	}
	if len(s) > 16 {
		return NoLevel
	}
	return levels[strings.ToLower(strings.TrimSpace(s))]
}

// levelWithin is how far into a message its own level is looked for: behind a time, a name and some metadata.
const levelWithin = 96

// levelOf is the level that a message names itself: "[error] …" as Elixir's logger writes it, or "level=error". The platform
// calls everything that an instance writes info.
func levelOf(message string) Level {
	head := message[:min(len(message), levelWithin)]
	for rest := head; ; {
		_, after, found := strings.Cut(rest, "[")
		if !found {
			break
		}
		name, _, found := strings.Cut(after, "]")
		if !found {
			break
		}
		if l := levels[name]; l != NoLevel {
			return l
		}
		rest = after
	}
	if _, after, found := strings.Cut(head, "level="); found {
		name, _, _ := strings.Cut(strings.TrimLeft(after, `"`), " ")
		return levelNamed(strings.TrimRight(name, `",`))
	}
	return NoLevel
}
