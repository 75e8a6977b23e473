package logs

import "strings"

// Brief is the message without the time that many loggers begin it with, where that is the line's own time to the second:
// beside At it says nothing more.
func (l *Line) Brief() string {
	const whole, parts = "15:04:05", "15:04:05.000"
	head, rest, found := strings.Cut(l.Message, " ")
	switch {
	case !found, len(head) != len(whole) && len(head) != len(parts), len(head) == len(parts) && head[len(whole)] != '.':
		return l.Message
	case !strings.HasPrefix(head, l.At.UTC().Format(whole)):
		return l.Message
	}
	return rest
}
