package doctest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/tclookup/tclookup/internal/demodata"
)

const flows = `{"time":"2026-03-02T08:00:00Z","src_ip":"10.20.3.41","dest_ip":"44.128.17.21","bytes":681686}
{"time":"2026-03-02T08:00:07Z","src_ip":"10.20.2.24","dest_ip":"8.8.8.8","bytes":120}
{"time":"2026-03-02T08:01:30Z","src_ip":"44.128.220.1","dest_ip":"10.20.0.5","bytes":4413}
`

const autoruns = "Entry,Image Path,MD5,SHA-1,SHA-256\r\n" +
	`Updater,C:\Program Files\Kestrel\updater.exe,90DC09962092160C4E272E9A2F785423,30E829606D8940729F8D5902472E052C178F0E39,` + "\r\n" +
	`"Größe, Prüfung",C:\Windows\System32\check.dll,1728C54F4C94BE6B9DDBC85E92319E6F,,` + "\r\n" +
	`Notes,C:\Tools\notes.exe,,,B59218D474C0A682041D41DBDF0F11571E663B87D6A627FA98EEF0904BCD1D17` + "\r\n"

const indicators = `zq-updates-demo.com
44.128.17[.]21
90dc09962092160c4e272e9a2f785423
billing@invoice-vault-demo.com
10.0.0.1
`

const mailLog = "time;sender;subject\n" +
	"2026-03-02T09:00:00Z;billing@invoice-vault-demo.com;Invoice 7\n" +
	"2026-03-02T09:02:00Z;newsletter@blue-lantern-demo.io;\"News; March\"\n"

const allowlist = `# Ours, and noise.
blue-lantern-demo.io
8.8.8.8          # resolver
44.128.72.0/24
`

const conf = `[source:threatcrowd]
base_url = https://tc.example.com
`

// samples writes the files that the documents speak of.
func samples(t *testing.T, dir string) {
	t.Helper()
	proxy := demodata.ProxyLog()
	files := map[string][]byte{
		"proxy.csv": proxy, "proxy.csv.gz": gzipped(t, proxy), "proxy.tsv": tabbed(t, proxy),
		"flows.jsonl": []byte(flows), "flows.jsonl.gz": gzipped(t, []byte(flows)),
		"autoruns.csv":   utf16le(autoruns),
		"indicators.txt": []byte(indicators), "mail.csv": []byte(mailLog), "allowlist.txt": []byte(allowlist),
		"tclookup.conf": []byte(conf),
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tabbed returns some columns of the proxy log separated by tabs.
func tabbed(t *testing.T, data []byte) []byte {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, r := range rows {
		b.WriteString(strings.Join([]string{r[0], r[2], r[5]}, "\t") + "\n")
	}
	return b.Bytes()
}

// utf16le is how Autoruns writes: with a byte order mark.
func utf16le(s string) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}
