// Package accept has what acceptance tests share: a ThreatCrowd-compatible
// server that behaves as told and notes what it was asked, programs started
// in an environment of their own, and tables of events that are unkind.
//
// Only tests import it.
package accept
