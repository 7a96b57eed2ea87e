package indicator

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// isMail reports whether a normalized value is to be read as an e-mail
// address: it has an @ that is neither in the user info of a URL nor in the
// path of one without a scheme.
func isMail(s []byte, want Type) bool {
	if s[0] == '"' {
		return true
	}
	at := bytes.IndexByte(s, '@')
	if at < 0 {
		return false
	}
	if _, ok := cutScheme(s); ok {
		return false
	}
	path := bytes.IndexAny(s, "/?#")
	return want == Email || path < 0 || at < path
}

// mail appends an e-mail address.
func (p *Parser) mail(dst, s []byte) ([]byte, Type, error) {
	local, domain, err := splitMail(s)
	if err != nil {
		return dst, None, err
	}
	out := append(dst, local...)
	out = append(out, '@')
	out, t, err := p.host(out, domain)
	if err == nil && t == IP {
		err = errMailIP
	}
	if err != nil {
		return dst, None, fmt.Errorf("e-mail domain: %w", err)
	}
	return out, Email, nil
}

// splitMail cuts an e-mail address at its @ and checks the local part.
func splitMail(s []byte) (local, domain []byte, err error) {
	if s[0] == '"' {
		end := quoteEnd(s)
		if end < 0 || end+1 >= len(s) || s[end+1] != '@' {
			return nil, nil, errLocalQuote
		}
		local, domain = s[:end+1], s[end+2:]
		if err := checkQuoted(local); err != nil {
			return nil, nil, err
		}
	} else {
		var ok bool
		local, domain, ok = bytes.Cut(s, []byte("@"))
		if !ok {
			return nil, nil, errNoMail
		}
	}
	if bytes.IndexByte(domain, '@') >= 0 {
		if bytes.ContainsAny(s, ",; \t\r\n") {
			return nil, nil, errSeveralMail
		}
		return nil, nil, errTwoAts
	}
	if err := checkLocal(local); err != nil {
		return nil, nil, err
	}
	return local, domain, nil
}

func checkLocal(local []byte) error {
	switch {
	case len(local) == 0:
		return errLocalEmpty
	case len(local) > 64:
		return errLocalLong
	case local[0] == '"':
		return nil
	}
	for i := 0; i < len(local); {
		r, n := utf8.DecodeRune(local[i:])
		if !unicode.IsPrint(r) || r < utf8.RuneSelf && bytes.IndexByte([]byte(" \"(),:;<>@[\\]"), byte(r)) >= 0 {
			return errLocalChar
		}
		i += n
	}
	return nil
}

// checkQuoted checks a local part between quotes.
func checkQuoted(local []byte) error {
	if len(local) <= 2 {
		return errLocalEmpty
	}
	for i := 0; i < len(local); {
		r, n := utf8.DecodeRune(local[i:])
		if !unicode.IsPrint(r) {
			return errLocalChar
		}
		i += n
	}
	return nil
}

// quoteEnd returns where the quote that s begins with ends, -1 if nowhere.
func quoteEnd(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// quotedLocal reports whether s begins with a quoted local part rather than
// with a quote around a value. The @ may still be defanged.
func quotedLocal(s []byte) bool {
	end := quoteEnd(s)
	return end > 0 && end+1 < len(s) && bytes.IndexByte([]byte("@[({"), s[end+1]) >= 0
}
