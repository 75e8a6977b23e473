package graphql

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// operation is the one to run: the named one, or the only one.
func (d *document) operation(name string) (*operation, error) {
	if name == "" {
		if len(d.ops) > 1 {
			return nil, Errorf("operationNameMissing", "An operation name is required")
		}
		return d.ops[0], nil
	}
	for _, op := range d.ops {
		if op.name == name {
			return op, nil
		}
	}
	return nil, Errorf("operationNameMissing", "No operation named %q", name)
}

// bind gives the declared variables their values. Those that are not declared are not looked at.
func (op *operation) bind(given map[string]any) (map[string]any, error) {
	vars := map[string]any{}
	for _, v := range op.vars {
		x, ok := given[v.name]
		if !ok && v.def.kind != 0 {
			y, err := (&execution{vars: map[string]any{}}).resolve(v.def)
			if err != nil {
				return nil, err
			}
			vars[v.name] = y
			continue
		}
		if x == nil && v.required || x != nil && !v.fits(x) {
			return nil, Errorf("argumentLiteralsIncompatible", "Variable $%s of type %s was provided invalid value", v.name, v.typ)
		}
		if ok {
			vars[v.name] = x
		}
	}
	return vars, nil
}

// fits says whether a JSON value can be of the variable's type, as far as that is known without a schema.
func (v variable) fits(x any) bool {
	if v.list {
		return true
	}
	switch v.typ {
	case "String":
		_, ok := x.(string)
		return ok
	case "ID":
		switch x.(type) {
		case string, float64:
			return true
		}
		return false
	case "Int":
		f, ok := x.(float64)
		return ok && f == math.Trunc(f)
	case "Float":
		_, ok := x.(float64)
		return ok
	case "Boolean":
		_, ok := x.(bool)
		return ok
	}
	return true
}

// execution is one request being answered.
type execution struct {
	doc      *document
	vars     map[string]any
	declared []variable
	errs     []Error
	fields   int
}

// ordered is a JSON object that keeps the order of its fields.
type ordered []pair

type pair struct {
	name  string
	value any
}

// MarshalJSON writes the fields in order.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		k, err := json.Marshal(p.name)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (o ordered) index(name string) int {
	return slices.IndexFunc(o, func(p pair) bool { return p.name == name })
}

// object answers the selections of an object. An error of it ends the whole request: the query itself is wrong.
func (x *execution) object(obj Object, sel []selection, path []any, depth int) (ordered, error) {
	if depth > maxDepth {
		return nil, Errorf("tooDeep", "Query is too deep")
	}
	var out ordered
	for _, s := range sel {
		if x.fields++; x.fields > maxFields || len(out) > maxWidth {
			return nil, Errorf("tooComplex", "Query has too many fields")
		}
		if keep, err := x.included(s.directives); err != nil {
			return nil, err
		} else if !keep {
			continue
		}
		switch {
		case s.spread != "":
			f, ok := x.doc.fragments[s.spread]
			if !ok {
				return nil, Errorf("useOfUndefinedFragment", "Fragment %s was used, but not defined", s.spread)
			}
			if err := x.merge(&out, obj, f.on, f.sel, path, depth); err != nil {
				return nil, err
			}
		case s.inline:
			if err := x.merge(&out, obj, s.on, s.sel, path, depth); err != nil {
				return nil, err
			}
		default:
			v, err := x.field(obj, s, append(path[:len(path):len(path)], s.alias), depth)
			if err != nil {
				return nil, err
			}
			out.add(s.alias, v)
		}
	}
	return out, nil
}

// merge adds the fields of a fragment.
func (x *execution) merge(out *ordered, obj Object, on string, sel []selection, path []any, depth int) error {
	if on != "" && on != obj.TypeName() {
		return nil
	}
	more, err := x.object(obj, sel, path, depth+1)
	if err != nil {
		return err
	}
	for _, p := range more {
		out.add(p.name, p.value)
	}
	return nil
}

// add sets a field; the fields of an object that is asked for twice are put together.
func (o *ordered) add(name string, v any) {
	i := o.index(name)
	if i < 0 {
		*o = append(*o, pair{name, v})
		return
	}
	a, ok := (*o)[i].value.(ordered)
	b, ok2 := v.(ordered)
	if !ok || !ok2 {
		(*o)[i].value = v
		return
	}
	for _, p := range b {
		a.add(p.name, p.value)
	}
	(*o)[i].value = a
}

// included evaluates @include and @skip.
func (x *execution) included(dd []directive) (bool, error) {
	for _, d := range dd {
		if d.name != "include" && d.name != "skip" {
			continue
		}
		for _, a := range d.args {
			v, err := x.resolve(a.v)
			if err != nil {
				return false, err
			}
			if on, _ := v.(bool); a.name == "if" && on != (d.name == "include") {
				return false, nil
			}
		}
	}
	return true, nil
}

// field answers one field.
func (x *execution) field(obj Object, s selection, path []any, depth int) (any, error) {
	if s.name == "__typename" {
		return obj.TypeName(), nil
	}
	args := Args{}
	for _, a := range s.args {
		if a.v.kind == 'v' {
			// A variable without a value is an argument that is not there.
			if v, ok := x.vars[a.v.variable]; ok {
				args[a.name] = v
				continue
			} else if x.isDeclared(a.v.variable) {
				continue
			}
		}
		v, err := x.resolve(a.v)
		if err != nil {
			return nil, err
		}
		args[a.name] = v
	}
	v, err := obj.Field(s.name, args)
	switch {
	case errors.Is(err, ErrNoField):
		return nil, Error{
			Message:    fmt.Sprintf("Field '%s' doesn't exist on type '%s'", s.name, obj.TypeName()),
			Locations:  x.doc.loc(s.at),
			Path:       path,
			Extensions: map[string]any{"code": "undefinedField", "typeName": obj.TypeName(), "fieldName": s.name},
		}
	case err != nil:
		var e Error
		if !errors.As(err, &e) {
			e = Error{Message: err.Error()}
		}
		e.Path, e.Locations = path, x.doc.loc(s.at)
		x.errs = append(x.errs, e)
		return nil, nil
	}
	return x.value(v, s, path, depth)
}

func (x *execution) isDeclared(name string) bool {
	return slices.ContainsFunc(x.declared, func(v variable) bool { return v.name == name })
}

// value answers with a field's value, whatever it is.
func (x *execution) value(v any, s selection, path []any, depth int) (any, error) {
	switch v := v.(type) {
	case Object:
		if len(s.sel) == 0 {
			return nil, Error{
				Message:   fmt.Sprintf("Field must have selections (field '%s' returns %s but has no selections)", s.name, v.TypeName()),
				Locations: x.doc.loc(s.at), Path: path, Extensions: map[string]any{"code": "selectionMismatch"},
			}
		}
		return x.object(v, s.sel, path, depth+1)
	case []any:
		list := make([]any, 0, len(v))
		for i, e := range v {
			r, err := x.value(e, s, append(path[:len(path):len(path)], i), depth)
			if err != nil {
				return nil, err
			}
			list = append(list, r)
		}
		return list, nil
	case nil:
		return nil, nil
	}
	if len(s.sel) > 0 {
		return nil, Error{
			Message:   fmt.Sprintf("Selections can't be made on scalars (field '%s')", s.name),
			Locations: x.doc.loc(s.at), Path: path, Extensions: map[string]any{"code": "selectionMismatch"},
		}
	}
	return v, nil
}

// resolve is the JSON value of a value in the query.
func (x *execution) resolve(v value) (any, error) {
	switch v.kind {
	case 'v':
		if y, ok := x.vars[v.variable]; ok {
			return y, nil
		}
		if x.isDeclared(v.variable) {
			return nil, nil
		}
		return nil, Errorf("variableNotDefined", "Variable $%s is used but not declared", v.variable)
	case 'l':
		list := make([]any, 0, len(v.list))
		for _, e := range v.list {
			y, err := x.resolve(e)
			if err != nil {
				return nil, err
			}
			list = append(list, y)
		}
		return list, nil
	case 'o':
		m := map[string]any{}
		for _, a := range v.object {
			y, err := x.resolve(a.v)
			if err != nil {
				return nil, err
			}
			m[a.name] = y
		}
		return m, nil
	}
	return v.plain, nil
}
