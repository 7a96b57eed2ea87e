// Package config reads the configuration: Splunk .conf files, environment
// variables and command-line overrides become one [Config], and all mistakes
// are reported at once, each with the place it was made at.
//
// One table describes every setting; decoding, defaults, names of environment
// variables, suggestions in error messages and the reference in
// docs/configure.md come from it.
package config
