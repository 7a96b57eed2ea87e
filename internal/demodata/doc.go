// Package demodata holds the sample data set and the sample proxy log of the
// demonstration, and serves the data set on the loopback interface.
//
// Everything in it is invented: campaigns, names, people, files and votes. The
// domains are made up and carry "-demo" in the label that would be registered.
// The addresses are ones that nobody uses although they look public: IPv4 from
// 44.128.0.0/16, which the amateur radio network keeps for tests and does not
// route, IPv6 from 3ffe::/16, which the 6bone gave back in 2006 (RFC 3701).
// The documentation ranges would not do: they are never looked up. The one
// exception, 8.8.8.8, stands where malware asked a public resolver, as it does
// in real reports. The hashes are those of short texts.
//
// The oddities of the original service are there on purpose: placeholders
// instead of addresses, dates of zeros, carriage returns, blank and repeated
// list elements, * for : in detection names.
package demodata
