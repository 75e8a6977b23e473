package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Limits are how long the server may take for what is asked in one Look.
type Limits struct {
	Statement time.Duration // for each question; 0: QueryTimeout
	Lock      time.Duration // waiting for a lock of any kind; 0: as long as Statement
	Whole     time.Duration // for everything together, the way there and back included; 0: five times Statement
}

// Question is a single statement without a semicolon that gives rows.
type Question struct {
	SQL string
	// Row gets every row, its values in text form, nil for NULL. They are good until it returns. An error of it ends the
	// Look.
	Row func(values [][]byte) error
}

// Look is one read-only transaction.
type Look struct {
	conn  *Conn
	ctx   context.Context // of the call that it is part of, and no longer
	limit time.Duration
	begin string // what is still to be said before the first question
	done  bool
}

// Look runs do in a read-only transaction of its own, in which every question sees the database as it was at the first
// one (repeatable read). Nobody else can use the session meanwhile. It works through a pooler in transaction mode. Names
// without a schema are the server's own. Errors are *Failure.
func (c *Conn) Look(ctx context.Context, l Limits, do func(*Look) error) error {
	if l.Statement <= 0 {
		l.Statement = QueryTimeout
	}
	if l.Lock <= 0 {
		l.Lock = l.Statement
	}
	if l.Whole <= 0 {
		l.Whole = 5 * l.Statement
	}
	ms := func(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }
	return c.use(ctx, l.Whole, func(ctx context.Context) error {
		k := &Look{conn: c, ctx: ctx, limit: l.Whole, begin: "begin isolation level repeatable read read only;set local statement_timeout=" + ms(l.Statement) +
			";set local lock_timeout=" + ms(l.Lock) + ";" + ownNames + ";"}
		if err := do(k); err != nil || k.done || k.begin == "" {
			return err
		}
		return k.conn.pg.Exec(ctx, "commit").Close()
	})
}

// errLookOver says that a transaction has ended.
var errLookOver = errors.New("the transaction of this look is over")

// Ask asks several questions in one round trip and says how many were answered. last ends the transaction with them, which
// saves another round trip. When a question fails, those after it are not asked; the Look can go on with others then, if
// the session survived. Errors are *Failure.
func (k *Look) Ask(last bool, questions ...Question) (answered int, err error) {
	if k.done {
		return 0, failed(errLookOver, k.conn.node, during{})
	}
	var s strings.Builder
	s.WriteString(k.begin)
	s.WriteString("savepoint look;")
	for _, q := range questions {
		s.WriteString(q.SQL)
		s.WriteByte(';')
	}
	s.WriteString("release savepoint look")
	if last {
		s.WriteString(";commit")
	}
	k.begin = ""
	answered, err = k.run(s.String(), questions)
	if err != nil {
		if !k.conn.pg.IsClosed() && k.conn.pg.TxStatus() == 'E' {
			_ = k.conn.pg.Exec(k.ctx, "rollback to savepoint look").Close()
		}
		return answered, failed(err, k.conn.node, during{limit: k.limit})
	}
	k.done = last
	return answered, nil
}

func (k *Look) run(statements string, questions []Question) (answered int, err error) {
	results := k.conn.pg.Exec(k.ctx, statements)
	var stop error
	for results.NextResult() {
		r := results.ResultReader()
		if len(r.FieldDescriptions()) == 0 {
			continue // not a question's
		}
		if answered == len(questions) {
			stop = errors.New("the server gave more answers than there were questions")
		}
		for r.NextRow() {
			if stop == nil {
				stop = questions[answered].Row(r.Values())
			}
		}
		if _, err := r.Close(); err == nil && stop == nil {
			answered++
		}
	}
	if err := results.Close(); err != nil {
		return answered, err
	}
	return answered, stop
}
