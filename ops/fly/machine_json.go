package fly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// UnmarshalJSON reads a machine and goes on where a field is not as expected: what could be read is kept, and
// Undecoded says what could not. It fails only where b is no object.
func (m *Machine) UnmarshalJSON(b []byte) error {
	type plain Machine
	var p plain
	err := json.Unmarshal(b, &p)
	if err != nil {
		p = plain{}
		err = fieldwise(b, &p)
	}
	*m = Machine(p)
	if err != nil {
		if errors.Is(err, errNoObject) {
			return fmt.Errorf("machine: %w", err)
		}
		m.Undecoded = err.Error()
	}
	if m.Undecoded == "" && m.Config != nil {
		m.Undecoded = m.Config.Undecoded
	}
	return nil
}

// UnmarshalJSON keeps the whole of b as Raw and reads what is looked at, going on where a field is not as expected.
func (c *MachineConfig) UnmarshalJSON(b []byte) error {
	type plain MachineConfig
	var p plain
	err := json.Unmarshal(b, &p)
	if err != nil {
		p = plain{}
		err = fieldwise(b, &p)
	}
	if errors.Is(err, errNoObject) {
		return fmt.Errorf("machine config: %w", err)
	}
	*c = MachineConfig(p)
	c.Raw = slices.Clone(b)
	if err != nil {
		c.Undecoded = "config: " + err.Error()
	}
	return nil
}

// MarshalJSON writes Raw where there is one, so that what is sent back is what was read, and the fields otherwise.
// Who changes a field of a configuration that was read clears Raw or edits it.
func (c MachineConfig) MarshalJSON() ([]byte, error) {
	if len(c.Raw) > 0 {
		return c.Raw, nil
	}
	type plain MachineConfig
	return json.Marshal(plain(c))
}

var errNoObject = errors.New("not a JSON object")

// fieldwise decodes the fields of the object b into v one by one, and names those that would not.
func fieldwise(b []byte, v any) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil || fields == nil {
		return errNoObject
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var bad []error
	for _, name := range names {
		key, _ := json.Marshal(name) // a string always has a JSON form
		one := slices.Concat([]byte("{"), key, []byte(":"), fields[name], []byte("}"))
		if err := json.Unmarshal(one, v); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", Token{}.clean(name), err))
		}
	}
	if len(bad) > 3 {
		bad = append(bad[:3], fmt.Errorf("and %d more", len(bad)-3))
	}
	return errors.Join(bad...)
}

// validObject refuses what is not a JSON object.
func validObject(raw json.RawMessage) error {
	if t := bytes.TrimSpace(raw); len(t) == 0 || t[0] != '{' || !json.Valid(t) {
		return errNoObject
	}
	return nil
}
