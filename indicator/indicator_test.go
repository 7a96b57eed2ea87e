package indicator

import "testing"

func TestTypes(t *testing.T) {
	for typ := Domain; typ <= Antivirus; typ++ {
		got, err := ParseType(typ.String())
		if err != nil || got != typ {
			t.Errorf("ParseType(%q) = %v, %v", typ.String(), got, err)
		}
		if !AllTypes.Has(typ) || !Types(typ).Has(typ) || Types(typ).Has(typ%5+1) {
			t.Errorf("%v: the sets are wrong", typ)
		}
	}
	if got, err := ParseType("auto"); err != nil || got != None {
		t.Errorf(`ParseType("auto") = %v, %v`, got, err)
	}
	for _, s := range []string{"", "Domain", "url"} {
		if _, err := ParseType(s); err == nil {
			t.Errorf("ParseType(%q) gave no error", s)
		}
	}
	if AllTypes.Has(None) {
		t.Error("None is in the set of all kinds")
	}
	if s := Type(9).String(); s != "type(9)" {
		t.Errorf("Type(9) is %q", s)
	}
	p := testParser(t)
	if _, _, err := p.Append(nil, []byte("example.com"), Type(9)); err != errType {
		t.Errorf("Append with an unknown type: %v", err)
	}
}
