package threatcrowd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/tclookup/tclookup/limit"
	"github.com/tclookup/tclookup/source/threatcrowd"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("domain") == "evil.example" {
			io.WriteString(w, `{"response_code":"1","resolutions":[{"last_resolved":"2020-02-03","ip_address":"192.0.2.1"}],"votes":-1}`)
			return
		}
		io.WriteString(w, `{"response_code":"0"}`)
	}))
	defer server.Close()

	client, err := threatcrowd.New(threatcrowd.Config{
		BaseURL: server.URL,
		// One request in ten seconds, and five at once.
		Gate: limit.NewLocal(limit.Policy{Rate: 0.1, Burst: 5}),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for _, domain := range []string{"evil.example", "good.example"} {
		report, _, err := client.DomainReport(context.Background(), domain)
		switch {
		case errors.Is(err, threatcrowd.ErrNotFound):
			fmt.Println(domain, "is not known")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(domain, "is", report.Verdict, "and was seen at", report.Resolutions[0].Value)
		}
	}
	// Output:
	// evil.example is malicious and was seen at 192.0.2.1
	// good.example is not known
}
