package lint

import (
	"fmt"
	"strings"

	"ops-console/ops/ecto/locks"
)

func (s *site) jsonColumn() {
	c := &s.Op.Column
	if locks.ParseType(c.Type).Base != "json" {
		return
	}
	s.Remark(Finding{
		Text:   fmt.Sprintf("%s is json, which has no equality: SELECT DISTINCT, GROUP BY and UNION over it fail", c.Name),
		Recipe: "make it jsonb, which :map is",
		Code:   "add " + atom(c.Name) + ", :map",
	})
}

func (s *site) styleIntegerKey() {
	c := &s.Op.Column
	base := locks.ParseType(c.Type).Base
	if (base == "int4" || base == "int2") && (c.PrimaryKey || c.References != nil) {
		s.Remark(Finding{
			Text:   fmt.Sprintf("key %s is %s: it ends at 2,147,483,647", c.Name, c.Type),
			Recipe: "make it bigint, before the table is large",
		})
	}
}

func (s *site) styleVarchar() {
	c := &s.Op.Column
	t := locks.ParseType(c.Type)
	if t.Base == "varchar" && len(t.Mods) > 0 && !s.Op.Raw {
		s.Remark(Finding{
			Text:   fmt.Sprintf("%s is %s: another limit is another type", c.Name, c.Type),
			Recipe: "make it :text, and limit it by a check or in the changeset",
		})
	}
}

func (s *site) styleChar() {
	c := &s.Op.Column
	if locks.ParseType(c.Type).Base == "bpchar" {
		s.Remark(Finding{
			Text:   fmt.Sprintf("%s is %s, which is padded with blanks", c.Name, c.Type),
			Recipe: "make it :text, with a check of its length",
		})
	}
}

func (s *site) styleNaive() {
	c := &s.Op.Column
	if locks.ParseType(c.Type).Base == "timestamp" {
		s.Remark(Finding{
			Text:   fmt.Sprintf("%s is %s, without a time zone: other sessions than Ecto's read it in their own", c.Name, c.Type),
			Recipe: "make it :timestamptz",
		})
	}
}

func (s *site) styleSerial() {
	c := &s.Op.Column
	if locks.Serial(c.Type) {
		s.Remark(Finding{
			Text:   fmt.Sprintf("%s is %s, whose sequence has rights and an owner of its own", c.Name, strings.ToLower(c.Type)),
			Recipe: "make it :identity",
		})
	}
}
