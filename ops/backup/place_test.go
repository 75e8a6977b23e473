package backup

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestKeysAreReadBack(t *testing.T) {
	id, err := NewID(at(t), bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Source{App: rapid.String().Draw(t, "app"), Database: rapid.String().Draw(t, "db")}
		got, gotID, name, ok := ParseKey(Dir(s, id) + "/" + ManifestName)
		if !ok || got != s || gotID != id || name != ManifestName {
			t.Fatalf("%v/%v became %v/%v %q %v", s, id, got, gotID, name, ok)
		}
	})
}

func TestForeignKeysAreRefused(t *testing.T) {
	id, err := NewID(at(t), bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"", "readme.txt", "shop/db/2026/02/" + string(id), "shop/db/2026/02/" + string(id) + "/",
		"shop/db/2026/03/" + string(id) + "/manifest.json", // not the month of its ID
		"shop/db/2026/02/" + string(id) + "/a/b", "shop/=4/2026/02/" + string(id) + "/manifest.json",
		"shop/=41/2026/02/" + string(id) + "/manifest.json", // A needs no escape
	} {
		if s, got, name, ok := ParseKey(key); ok {
			t.Errorf("%q was read as %v %v %q", key, s, got, name)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("shop/shop_prod/2026/02/01KGGX5XZ30000000000000000/manifest.json")
	f.Add("=/=/0000/00/x/y")
	f.Fuzz(func(t *testing.T, key string) {
		if s, id, name, ok := ParseKey(key); ok && Dir(s, id)+"/"+name != key {
			t.Errorf("%q was read as %v %v %q", key, s, id, name)
		}
	})
}

func FuzzParseFailure(f *testing.F) {
	f.Add([]byte(`{"id":"01KGGX5XZ30000000000000000","app":"shop","db":"x","at":"2026-02-03T04:05:06Z","why":"w"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := ParseFailure(b); err == nil && n.ID == "" {
			t.Errorf("%q passed without an ID", b)
		}
	})
}
