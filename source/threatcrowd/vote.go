package threatcrowd

import (
	"context"
	"fmt"
	"strings"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/httpx"
	"github.com/tclookup/tclookup/source"
)

var _ source.Voter = (*Client)(nil)

// votePath is where votes are cast, relative to the server's root.
const votePath = "vote.php"

// Vote casts one vote on a domain or an address, for everybody to see, with
// one request, which takes a ticket of the gate. It is not sent again when
// there is no answer: the server may have counted it. See source.Voter.
//
// The service takes a vote as GET vote.php?vote=V&value=VALUE and answers with
// a page; V is 0 for malicious and 1 for not malicious, unlike in its reports.
func (c *Client) Vote(ctx context.Context, ind indicator.Indicator, malicious bool) error {
	if ind.Type != indicator.Domain && ind.Type != indicator.IP {
		return fmt.Errorf("%s: votes are cast on domains and IP addresses, not on the type %q", c.name, ind.Type)
	}
	if n := len(ind.Value); n == 0 || n > maxValue {
		return fmt.Errorf("%s: a value of %d bytes is not sent: allowed are 1 to %d", c.name, n, maxValue)
	}
	vote := "1"
	if malicious {
		vote = "0"
	}
	_, err := c.votes.Do(ctx, httpx.Request{Path: votePath, Query: "vote=" + vote + "&value=" + httpx.Escape(ind.Value, "")})
	return err
}

// voter returns the client of the server's root, where votes are cast.
func voter(c httpx.Config) (*httpx.Client, error) {
	c.BaseURL, c.Retries = strings.TrimSuffix(c.BaseURL, apiPath[1:]), -1
	return httpx.New(c)
}
