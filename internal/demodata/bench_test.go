package demodata

import "testing"

func BenchmarkParse(b *testing.B) {
	entities, err := tables.ReadFile("data/entities.csv")
	if err != nil {
		b.Fatal(err)
	}
	relations, err := tables.ReadFile("data/relations.csv")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := parse(entities, relations); err != nil {
			b.Fatal(err)
		}
	}
}
